"""What each robot is like and does, drawn from one seed: the same command gives the same neighbours. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Literal

from unisono.client.device import CardSpec
from unisono.client.weather import WeatherSpec
from unisono.robots.names import Neighbour, neighbours

_LATE_S = (4.0, 20.0)
_AWAY_MS = (300.0, 3000.0)
_STALL_MS = (100.0, 1200.0)
_WITHIN = (0.1, 0.8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """An even chance between two ends, both included."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ValueError(f"{self.low:g}..{self.high:g} is no range")

    def draw(self, random: Random) -> float:
        """One value."""
        return random.uniform(self.low, self.high)


def parse_range(text: str, *, symmetric: bool = False) -> Range:
    """A Range from "20..120" or from one number: itself, or with `symmetric` from minus to plus. Raises ValueError."""
    low, dots, high = text.partition("..")
    if dots:
        return Range(low=float(low), high=float(high))
    value = float(text)
    return Range(low=-abs(value), high=abs(value)) if symmetric else Range(low=value, high=value)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoirSpec:
    """What was asked for on the command line."""

    voices: int = 8
    latency_ms: Range = Range(low=20.0, high=120.0)
    drift_ppm: Range = Range(low=-50.0, high=50.0)
    late_joins: int = 0
    """So many come in the middle of the first song."""
    reconnects: int = 0
    """So many times in each song every robot loses its connection and comes back."""
    sleeps: int = 0
    """So many times in each song every robot's card stands still for a moment."""
    weather: WeatherSpec = field(default_factory=WeatherSpec)
    leads: bool = False
    echoes: bool = False
    seed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RobotPlan:
    """One robot. `number` counts from 0, and number 0 leads if anybody does."""

    number: int
    who: Neighbour
    card: CardSpec
    weather: WeatherSpec
    joins_after_s: float
    joins_in_song: bool
    reconnects: int
    sleeps: int
    leads: bool
    echoes: bool
    seed: int


def plan_choir(spec: ChoirSpec) -> list[RobotPlan]:
    """A plan for every voice. The leader is never late."""
    random = Random(spec.seed)
    people = neighbours(spec.voices, seed=spec.seed)
    late = (
        set(random.sample(range(1, spec.voices), min(spec.late_joins, spec.voices - 1))) if spec.voices > 1 else set()
    )
    return [
        RobotPlan(
            number=number,
            who=who,
            card=CardSpec(latency_ms=spec.latency_ms.draw(random), drift_ppm=spec.drift_ppm.draw(random)),
            weather=spec.weather,
            joins_after_s=random.uniform(*_LATE_S) if number in late else 0.05 * number,
            joins_in_song=number in late,
            reconnects=spec.reconnects,
            sleeps=spec.sleeps,
            leads=spec.leads and number == 0,
            echoes=spec.echoes and not (spec.leads and number == 0),
            seed=spec.seed * 1000 + number,
        )
        for number, who in enumerate(people)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mishap:
    """Something that goes wrong `at_s` into a song: the connection drops, or the card stands still."""

    what: Literal["drop", "stall"]
    at_s: float
    lasts_ms: float


def mishaps(plan: RobotPlan, *, song: int, seconds: float) -> list[Mishap]:
    """What befalls a robot in its `song`-th song, `seconds` long; nothing in its first and last moments."""
    random = Random(plan.seed * 7919 + song)
    drops = [
        Mishap(what="drop", at_s=random.uniform(*_WITHIN) * seconds, lasts_ms=random.uniform(*_AWAY_MS))
        for _ in range(plan.reconnects)
    ]
    stalls = [
        Mishap(what="stall", at_s=random.uniform(*_WITHIN) * seconds, lasts_ms=random.uniform(*_STALL_MS))
        for _ in range(plan.sleeps)
    ]
    return sorted([*drops, *stalls], key=lambda mishap: mishap.at_s)
