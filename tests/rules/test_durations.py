"""Spans of time, and the retry ladder that an operator sets."""

from datetime import timedelta

import pytest

from rules.durations import parse_ladder, parse_span

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("text", "span"),
    [("15m", 15 * MINUTE), ("1h", HOUR), ("36h", 36 * HOUR), (" 3d ", 3 * DAY), ("99999m", 99999 * MINUTE)],
)
def test_a_span_is_a_number_and_a_unit(text, span):
    assert parse_span(text) == span


@pytest.mark.parametrize(
    "text", ["", "h", "1", "0h", "01h", "-1h", "1.5h", "1H", "1w", "1 h", "1h1", "\u0661h", "100000m"]
)
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match="no span of time"):
        parse_span(text)


@pytest.mark.parametrize(
    ("text", "rungs"),
    [
        ("1h,1d,3d", (HOUR, DAY, 3 * DAY)),
        ("15m", (15 * MINUTE,)),
        ("1h, 1h ,1h,30d", (HOUR, HOUR, HOUR, 30 * DAY)),
        ("3d,1h", (3 * DAY, HOUR)),
    ],
)
def test_a_ladder_is_its_rungs(text, rungs):
    assert parse_ladder(text) == rungs


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no span of time"),
        ("1h,", "no span of time"),
        ("1h;1d", "no span of time"),
        ("1h,1d,3d,4d,5d", "at most 4 rungs"),
        ("14m,1d", "from 15m to 30d"),
        ("1h,31d", "from 15m to 30d"),
    ],
)
def test_a_ladder_that_no_episode_could_follow_is_refused(text, why):
    with pytest.raises(ValueError, match=why):
        parse_ladder(text)
