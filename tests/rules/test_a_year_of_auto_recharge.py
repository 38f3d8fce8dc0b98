"""D2 to D8: a thousand accounts, a year each, against what is promised.

And each promise is seen to be broken where its rule is: the observer would notice.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from rules import recharge_limits, recharge_sizing, retry_ladder
from rules.retry_ladder import STEPS, Episode, Wait
from tests.rules import recharge_year
from tests.rules.recharge_year import DOLLAR, BrokenError, Year

SEEDS, LOTS = 1_000, 10
DECIDE, LIMITED, SIZE = retry_ladder.decide, recharge_limits.limited, recharge_sizing.size


@pytest.mark.parametrize("lot", range(LOTS))
def test_what_is_promised_holds_for_a_year(lot: int) -> None:
    counts: Counter[str] = Counter()
    for seed in range(lot, SEEDS, LOTS):
        counts += Counter(Year(seed).run().counts)
    # Each way was taken, and often enough to mean something.
    assert min(counts[way] for way in ("rung", "step", "backup", "paused", "dropped", "limited")) > 25, counts
    assert counts["customer"] > 10, counts
    assert counts["succeeded"] > 1_000, counts


def years(kind: type[Year]) -> None:
    """Two hundred years, or as many as it takes to break a promise."""
    for seed in range(200):
        kind(seed).run()


class Forgetful(Year):
    """A dropped recharge is forgotten: the next one begins afresh."""

    def end(self, status: str) -> None:
        super().end(status)
        if status == "canceled":
            self.tried = []


class Hasty(Year):
    """It does not wait for the answer to a confirm that is under way."""

    def look(self) -> None:
        self.in_flight = False
        super().look()


class Deaf(Year):
    """A changed balance is tested when the owner acts alone."""

    def moves(self, micros: int, *, held: int = 0) -> None:
        self.posted, self.held = self.posted + micros, self.held + held


def decided(change: Callable[[Episode], Episode]) -> Callable[..., retry_ladder.Decision]:
    return lambda episode, now: DECIDE(change(episode), now=now)


def never_again(episode: Episode, *, now: object) -> retry_ladder.Decision:
    answer = DECIDE(episode, now=now)
    return replace(answer, until=answer.until + timedelta(days=40)) if isinstance(answer, Wait) else answer


def later(**asked: object) -> recharge_limits.Limited | None:
    found = LIMITED(**asked)
    return found and replace(found, until=found.until + timedelta(hours=1))


def more(**asked: int) -> recharge_sizing.Size | None:
    found = SIZE(**asked)
    return found and replace(found, cents=found.cents + asked["amount_cents"])


def without_backup(episode: Episode) -> Episode:
    return replace(episode, tried=[one for one in episode.tried if one.trigger != "backup"])


def all_may_pass(episode: Episode) -> Episode:
    return replace(episode, tried=[replace(one, retry=one.retry and "later") for one in episode.tried])


def all_have_ended(episode: Episode) -> Episode:
    return replace(episode, tried=[replace(one, ended_at=one.ended_at or one.created_at) for one in episode.tried])


def never_refused(episode: Episode) -> Episode:
    return replace(episode, refused=None)


def low(minimum: int, *, arriving_micros: int, provisional_micros: int) -> int:
    return minimum - arriving_micros + provisional_micros - 20 * DOLLAR


@pytest.mark.parametrize(
    ("where", "name", "broken", "words"),
    [
        (retry_ladder, "MOST_CONFIRMS", 6, "confirm 6 of card_"),
        (retry_ladder, "MOST_PRESENTMENTS", 4, "confirm 4 of bank"),
        (retry_ladder, "SOONEST_RETRY", timedelta(0), "again 0:0"),
        (retry_ladder, "RATE_LIMIT_WAIT", timedelta(0), "after card_decline_rate_limit_exceeded"),
        (retry_ladder, "steps_left", lambda _tried: STEPS, "the step of"),
        (retry_ladder, "may_present_again", lambda _code: True, "bank again after processing_error"),
        (retry_ladder, "decide", decided(all_may_pass), "again after"),
        (retry_ladder, "decide", decided(never_refused), "in a later episode after"),
        (retry_ladder, "decide", decided(without_backup), "a second back-up confirm"),
        (retry_ladder, "decide", never_again, "for its next try"),
        (recharge_limits, "limited", lambda **_asked: None, "limit of [0-9]+ was passed"),
        (recharge_limits, "limited", later, "for no limit"),
        (recharge_limits, "COUNTED_KINDS", {"auto"}, "limit of [0-9]+ was passed"),
        (recharge_sizing, "size", more, "sized"),
        (recharge_year, "watched_minimum", low, "asleep"),
    ],
    ids=[
        "six confirms", "four presentments", "at once", "no rest", "steps again", "any bank failure", "hopeless",
        "lost", "backup again", "too late", "no limits", "late window", "manual ones free", "too much",
        "watched too low",
    ],
)  # fmt: skip
def test_a_broken_rule_is_noticed(
    monkeypatch: pytest.MonkeyPatch, where: object, name: str, broken: object, words: str
) -> None:
    monkeypatch.setattr(where, name, broken)
    with pytest.raises(BrokenError, match=words):
        years(Year)


@pytest.mark.parametrize(
    ("kind", "words"), [(Forgetful, "again 0:0|again after"), (Deaf, "asleep")], ids=["forgetful", "deaf"]
)
def test_a_careless_account_is_noticed(kind: type[Year], words: str) -> None:
    with pytest.raises(BrokenError, match=words):
        years(kind)


def test_a_second_confirm_in_flight_is_refused_by_the_rules_and_noticed_without_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(ValueError, match="the newest confirm has not ended"):
        years(Hasty)
    monkeypatch.setattr(retry_ladder, "decide", decided(all_have_ended))
    with pytest.raises(BrokenError, match="two confirms in flight"):
        years(Hasty)
