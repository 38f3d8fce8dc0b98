"""What is measured, beside which limit, and how far it shall reach."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """One row of the table."""

    what: str
    limit: str
    """What it stands beside, on the same Postgres in the same run."""
    ratio: float
    """Of the figure to its limit."""
    at_least: bool = True
    times: bool = False
    """Shown as a multiple instead of per cent."""

    def met(self, ratio: float) -> bool:
        """Whether `ratio` reaches it."""
        return ratio >= self.ratio if self.at_least else ratio <= self.ratio

    def shown(self, ratio: float) -> str:
        """A ratio as people read it: `75 %` or `1.8 x`."""
        return f"{ratio:.3g}x" if self.times else f"{ratio * 100:.0f} %"

    @property
    def text(self) -> str:
        """The target itself."""
        return f"{'≥' if self.at_least else '≤'} {self.shown(self.ratio)}"


def _most(what: str, limit: str, ratio: float) -> Target:
    return Target(what, limit, ratio, at_least=False, times=True)


def _times(what: str, limit: str, ratio: float) -> Target:
    return Target(what, limit, ratio, times=True)


TARGETS = {
    "T1": Target("single charges over HTTP, 64 callers, 10,000 accounts", "bare route, same bodies and process", 0.70),
    "T2": Target("the same, one hot account", "bare route", 0.65),
    "T3": _most("p99 of T1, ms", "p99 of the bare route", 3),
    "T4": _times("ledger alone, 64 callers, 10,000 accounts", "INSERT of one bare row + COMMIT", 1.8),
    "T5": _times("ledger alone, 64 callers, one hot account", "UPDATE of one hot row + COMMIT", 8),
    "T6": _times("ledger alone, 256 callers, one hot account", "UPDATE of one hot row + COMMIT", 12),
    "T7": Target("one hot account, 64 callers", "10,000 accounts (T4)", 0.90),
    "T8": _most("p50 of a lone caller, ledger alone, ms", "p50 of INSERT + COMMIT", 1.4),
    "T9": Target("batch of 10,000 on 10,000 accounts, ledger alone", "COPY of the same rows", 0.25),
    "T10": Target("batch of 10,000 on one account, ledger alone", "COPY of the same rows", 0.40),
    "T11": Target("POST of a batch of 10,000 on 10,000 accounts", "the ledger alone (T9)", 0.75),
    "T12": _times("POST of a batch of 10,000", "single charges over HTTP (T1)", 8),
    "T13": Target("usage with thresholds armed, none crossed: groups, 10,000 accounts", "without thresholds", 0.95),
    "T13 hot": Target("the same, one hot account", "without thresholds", 0.95),
    "T13 single": Target("the same, one call each, 10,000 accounts", "without thresholds", 0.95),
    "T13 server": _most("a lone charge, microseconds of the server's processor", "without thresholds", 1.05),
    "T14": Target("authorize over HTTP, 64 callers", "bare route + HMAC", 0.70),
    "T15": _times("ledger alone, 64 callers, 10,000 accounts", "pgledger, a revenue account each", 6),
    "T15 hot": _times("ledger alone, 64 callers, one hot account", "pgledger, hot", 20),
    "T15 single": _times("one call each, 64 callers, 10,000 accounts", "pgledger, a revenue account each", 2.5),
    "T15 single hot": _times("one call each, 64 callers, one hot account", "pgledger, hot", 2),
    "T16": _times("ledger alone, 64 callers, 10,000 accounts", "django-hordak, transfer_to, 64 threads", 30),
    "T19 lone": Target("lone caller at 10 M postings", "the same at 1 M postings, in turn", 0.90),
    "T19 single": Target("one call each, 64 callers, at 10 M postings", "the same at 1 M postings, in turn", 0.85),
    "T19 groups": Target("groups, 64 callers, at 10 M postings", "the same at 1 M postings, in turn", 0.75),
    "T20": _most("bytes a charge, with all indexes", "bare row of the same facts, primary key", 2),
    "T21": _times("two api processes, one hot account, over HTTP", "one api process", 1.0),
    "T22": Target(
        "balance alerts handed on by one relay, notice and event each", "INSERT of one bare row + COMMIT", 0.03
    ),
    "T23": _most("from a charge that crosses an alert to its mail taken, p50, ms", "SMTP alone, p50", 30),
    "T23 p99": _most("the same, p99, ms", "SMTP alone, p99", 30),
    "T24 events": _most("history events of an auto-recharge that succeeds", "bare workflow of three activities", 1.1),
    "T24 actions": _most("Temporal actions of the same", "bare workflow of three activities", 1.25),
    "T25": Target("auto-recharges by card, from trigger to credit, 64 in flight", "the bare workflow, 64", 0.6),
    "T25 mails": Target("the same, each with its mail", "the bare workflow, 64", 0.4),
}
