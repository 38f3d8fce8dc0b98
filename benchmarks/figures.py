"""A measured row: values and limits of each round, and what follows."""

from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.targets import TARGETS, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """The rounds of one target, or why it was not measured.

    Args:
        key: Of `TARGETS`.
        values: One for each round.
        limits: What stood beside it, round by round.
        note: What a reader must know to judge it; for a row without rounds, why there are none.
        inverted: The values are durations of the same work: the ratio of speeds is limit to value.
    """

    key: str
    values: tuple[float, ...] = ()
    limits: tuple[float, ...] = ()
    note: str = ""
    inverted: bool = False

    @property
    def target(self) -> Target:
        """What it shall reach."""
        return TARGETS[self.key]

    @property
    def measured(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.values)

    @property
    def ratios(self) -> list[float]:
        """Value to limit of each round: neighbours in time, so that a slower minute of the machine slows both."""
        pairs = zip(self.values, self.limits, strict=True)
        return [limit / value if self.inverted else value / limit for value, limit in pairs]

    @property
    def ratio(self) -> float:
        """The median of the rounds."""
        return median(self.ratios)

    @property
    def verdict(self) -> str:
        """`met`, `missed` or `not measured`."""
        if not self.measured:
            return "not measured"
        return "met" if self.target.met(self.ratio) else "missed"

    def as_json(self) -> dict[str, Any]:
        """Everything, rounds included."""
        told: dict[str, Any] = {
            "id": self.key,
            "what": self.target.what,
            "beside": self.target.limit,
            "target": self.target.text,
            "verdict": self.verdict,
            "note": self.note,
        }
        if self.measured:
            told |= {
                "value": median(self.values),
                "limit": median(self.limits),
                "ratio": self.ratio,
                "values": list(self.values),
                "limits": list(self.limits),
                "ratios": self.ratios,
            }
        return told
