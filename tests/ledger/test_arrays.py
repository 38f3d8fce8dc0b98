"""What goes to PostgreSQL as an array's literal comes back as it was."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.arrays import array_literal

ECHO = "SELECT $1::text::text[]"
TEXTS = st.lists(st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))


@pytest.mark.parametrize(
    "texts",
    [
        [],
        [""],
        ["", ""],
        [None],
        ["NULL", None, "null"],
        ["a,b", "{c}", " d ", "e\nf"],
        ['"'],
        ['","'],
        ['a"', '"b'],
        ["\\", 'c\\"'],
        ["🙂", "\u2028", "\x1f"],
    ],
)
async def test_an_array_comes_back_as_it_was(superuser, texts):
    assert await superuser.fetchval(ECHO, array_literal(texts)) == texts


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=TEXTS)
async def test_any_array_comes_back_as_it_was(superuser, texts):
    assert await superuser.fetchval(ECHO, array_literal(texts)) == texts
