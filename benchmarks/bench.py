"""What every section is given: the stack, how long to measure, and where figures go."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from benchmarks.figures import Figure
from benchmarks.measure import Call, Run, load
from benchmarks.progress import Bar
from benchmarks.stack import Stack
from benchmarks.targets import TARGETS

T = TypeVar("T")


@dataclass(kw_only=True)
class Bench:
    """One run of `make bench`."""

    stack: Stack
    bar: Bar
    picked: frozenset[str]
    """The targets asked for; their names in lower case, `t15` for all that begin so."""
    quick: bool
    figures: list[Figure] = field(default_factory=list[Figure])

    @property
    def rounds(self) -> int:
        """How often each case is measured; the median counts."""
        return 3 if self.quick else 5

    @property
    def seconds(self) -> float:
        """How long a case is measured each time."""
        return 0.5 if self.quick else 1.0

    def wants(self, *keys: str) -> bool:
        """Whether one of these targets was picked."""
        return any(picks(self.picked, key) for key in keys)

    def add(self, figure: Figure) -> None:
        """Keep a row, if it was asked for."""
        if self.wants(figure.key):
            self.figures.append(figure)

    async def interleaved(
        self, what: str, cases: Mapping[str, Callable[[], Awaitable[T]]], *, rounds: int | None = None
    ) -> dict[str, list[T]]:
        """Measure the cases in turn, A B A B …: name of the case → its rounds."""
        rounds = rounds or self.rounds
        found: dict[str, list[T]] = {name: [] for name in cases}
        for number in range(1, rounds + 1):
            for name, case in cases.items():
                self.bar.tell(f"{what}: {name}, round {number} of {rounds}")
                found[name].append(await case())
        return found

    async def loads(
        self, what: str, calls: Mapping[str, Call], callers: Mapping[str, int], *, rounds: int | None = None
    ) -> dict[str, list[Run]]:
        """Load the named calls in turn, each with so many callers."""

        def case(name: str, count: int) -> Callable[[], Awaitable[Run]]:
            return lambda: load(calls[name], callers=count, seconds=self.seconds)

        cases = {name: case(name, count) for name, count in callers.items()}
        return await self.interleaved(what, cases, rounds=rounds)


def picks(picked: frozenset[str], key: str) -> bool:
    """Whether a target is among those picked; no pick is all."""
    name = key.lower()
    return not picked or name in picked or name.split()[0] in picked


def unknown(picked: frozenset[str]) -> list[str]:
    """The picks that name no target."""
    known = {key.lower() for key in TARGETS} | {key.lower().split()[0] for key in TARGETS}
    return sorted(picked - known)
