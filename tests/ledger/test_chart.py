"""The chart and its verbs: pure, balanced, and the same in Python, in SQL and in the models."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.ledger import LedgerBalance, LedgerTransfer
from rules import chart
from rules.chart import CARRIED, POSTED, Code, Kind, balances

amounts = st.integers(min_value=1, max_value=10**15)


def _moved(*operations):
    """What operations did together, without the sides that they left as they were."""
    return {code: amount for code, amount in balances(leg for o in operations for leg in o.legs).items() if amount}


@given(st.lists(st.sampled_from(list(Code)), min_size=2, max_size=2, unique=True), amounts)
def test_no_leg_can_be_unbalanced(sides, amount):
    assert sum(balances([chart.Leg(*sides, amount)]).values()) == 0


def test_every_way_of_a_recharge_ends_where_it_should():
    expected = chart.recharge_expected(100)
    assert _moved(expected) == {Code.EXPECTED: -100, Code.PENDING: 100}
    assert _moved(expected, chart.recharge_settled(100)) == {Code.CLEARING: -100, Code.SPENDABLE: 100}
    assert _moved(expected, chart.recharge_voided(100)) == {}


@given(st.integers(1, 10**9), st.data())
def test_credit_lent_against_a_recharge_is_taken_back_at_its_end(amount, data):
    lent = data.draw(st.integers(1, amount))
    opened = (chart.recharge_expected(amount), chart.provisional_granted(lent))
    assert sum(_moved(*opened).get(code, 0) for code in POSTED) == 0, "lent money is not owned"
    assert _moved(*opened)[Code.SPENDABLE] == lent
    assert _moved(*opened, chart.recharge_settled(amount, lent=lent)) == {
        Code.CLEARING: -amount,
        Code.SPENDABLE: amount,
    }
    failed = chart.recharge_voided(amount, lent=lent)
    assert _moved(*opened, failed) == {}
    assert failed.may_overdraw


def test_every_way_of_a_dispute():
    paid = (chart.recharge_expected(100), chart.recharge_settled(100))
    withdrawn = chart.withdrawn(100)
    assert withdrawn.may_overdraw
    assert _moved(*paid, withdrawn) == {Code.AT_RISK: 100, Code.DISPUTED: -100}
    assert _moved(*paid, withdrawn, chart.reinstated(100)) == _moved(*paid)
    assert _moved(*paid, withdrawn, chart.dispute_lost(100)) == {}


def test_every_way_of_a_refund():
    paid = (chart.recharge_expected(100), chart.recharge_settled(100))
    asked = chart.refund_asked(40)
    assert _moved(*paid, asked) == {Code.CLEARING: -100, Code.SPENDABLE: 60, Code.REFUND_DUE: 40}
    assert _moved(*paid, asked, chart.refund_done(40)) == {Code.CLEARING: -60, Code.SPENDABLE: 60}
    assert _moved(*paid, asked, chart.refund_failed(40)) == _moved(*paid)
    assert _moved(*paid, asked, chart.refund_done(40), chart.refund_reversed(40)) == _moved(*paid)
    assert _moved(*paid, chart.refund_mirrored(40)) == {Code.CLEARING: -60, Code.SPENDABLE: 60}


def test_the_processors_fee_is_never_the_customers():
    assert not set(_moved(chart.processor_fee(30))) & chart.CUSTOMER


@given(held=amounts, captured=st.integers(0, 10**15))
def test_a_capture_frees_the_rest_and_charges_just_what_was_captured(held, captured):
    operation = chart.hold_captured(held, captured, settled=True)
    moved = _moved(chart.hold(held), operation)
    assert moved == ({Code.SPENDABLE: -captured, Code.USAGE: captured} if captured else {})
    assert all(leg.amount > 0 for leg in operation.legs)


@pytest.mark.parametrize("kind", chart.ADJUSTMENTS)
def test_an_adjustment_names_its_house_side_in_both_directions(kind):
    side = chart.ADJUSTMENTS[kind]
    assert _moved(chart.adjustment(kind, 5)) == {Code.SPENDABLE: 5, side: -5}
    assert _moved(chart.adjustment(kind, -5)) == {Code.SPENDABLE: -5, side: 5}


def test_only_usage_is_charged_as_usage():
    with pytest.raises(ValueError, match="HOLD is no kind of usage"):
        chart.usage(1, kind=Kind.HOLD)


def test_what_is_opened_and_ended_is_one_carried_code():
    """The database compares what an end takes out of the code that its opening put in."""
    openings = {
        Kind.HOLD: chart.hold(7),
        Kind.RECHARGE_EXPECTED: chart.recharge_expected(7),
        Kind.REFUND_ASKED: chart.refund_asked(7),
    }
    ends = [
        chart.hold_captured(7, 3),
        chart.hold_released(7),
        chart.recharge_settled(7, lent=2),
        chart.recharge_voided(7),
        chart.refund_done(7),
        chart.refund_failed(7),
    ]
    assert {end.kind for end in ends} == {kind for kinds in chart.ENDINGS.values() for kind in kinds}
    for opening, kinds in chart.ENDINGS.items():
        (leg,) = openings[opening].legs
        assert leg.credit in CARRIED
        for end in ends:
            if end.kind in kinds:
                assert sum(each.amount for each in end.legs if each.debit == leg.credit) == 7


async def test_the_tables_of_names_are_the_enums(superuser):
    codes = await superuser.fetch("SELECT code, name, side, carried FROM ledger_code ORDER BY code")
    assert [tuple(row) for row in codes] == [
        (code.value, code.name.lower(), "customer" if code in chart.CUSTOMER else "house", code in CARRIED)
        for code in sorted(Code)
    ]
    kinds = await superuser.fetch("SELECT kind, name FROM ledger_kind ORDER BY kind")
    assert [tuple(row) for row in kinds] == [(kind.value, kind.name.lower()) for kind in sorted(Kind)]


@pytest.mark.parametrize("model", [LedgerBalance, LedgerTransfer])
async def test_the_models_are_the_tables(superuser, model):
    columns = await superuser.fetch(
        "SELECT column_name, data_type, is_nullable = 'YES' AS nullable FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name = $1",
        model.__tablename__,
    )
    shape = {
        "bigint": "BIGINT", "smallint": "SMALLINT", "text": "VARCHAR", "boolean": "BOOLEAN",
        "timestamp with time zone": "DATETIME",
    }  # fmt: skip
    assert {(c["column_name"], shape[c["data_type"]], c["nullable"]) for c in columns} == {
        (c.name, str(c.type), bool(c.nullable)) for c in model.__table__.columns
    }
