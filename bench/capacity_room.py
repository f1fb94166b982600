"""One room of the load: who is in it, its clock as learnt from echoes, its song, and the sums of what was found."""

from __future__ import annotations

import json
import random
import time
import urllib.request
from array import array
from typing import Any

from bench.capacity_robot import Robot
from bench.capacity_voices import SAMPLES_PER_NS, VOICES, Score, offset_of
from unisono.units import samples_of_ms

_LATENCY_MS = (8.0, 48.0)
"""Round trips of sound cards, evenly spread: where in each 20 ms a singer sends is nobody's plan."""


class LoadRoom:
    """A room with `singers` robots, the first of them host and leader, and `listeners`."""

    def __init__(self, spec: dict[str, Any], number: int, scores: list[Score], chance: random.Random) -> None:
        self.server: str = spec["server"]
        self.number = number
        links = self._open(number)
        self.robots: list[Robot] = []
        for index in range(spec["singers"] + spec["listeners"]):
            sings = index < spec["singers"]
            token = links["host"] if index == 0 else links["singers"] if sings else links["listeners"]
            latency = samples_of_ms(chance.uniform(*_LATENCY_MS))
            score = scores[(index + number) % VOICES] if sings else None
            self.robots.append(Robot(self, number=index, token=token, score=score, latency_samples=latency))
            self.robots[-1].offset = offset_of(index)
        self.song: dict[str, Any] = {}
        self.stop_position: int | None = None
        self.complete = False
        self.counting = False
        self.hops_samples = array("d")
        self._best_trip_ns = 1 << 62
        self._offset = 0.0

    def _open(self, number: int) -> dict[str, str]:
        body = json.dumps({"title": f"Courtyard {number + 1}", "place": ""}).encode()
        ask = urllib.request.Request(
            f"{self.server}/api/rooms", data=body, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(ask, timeout=20) as answer:
            links: dict[str, str] = json.load(answer)
        return links

    # ------------------------------------------------------------------------------------ clock

    def clock(self, trip_ns: int, at_ns: int, position: float) -> None:
        """An echo: the quickest one says best where the room's clock stands. Both clocks are one machine's."""
        if trip_ns < self._best_trip_ns and not self.song:
            self._best_trip_ns = trip_ns
            self._offset = position - at_ns * SAMPLES_PER_NS

    def position_at(self, ns: int) -> float:
        """The room's position when this process's clock shows `ns`."""
        return ns * SAMPLES_PER_NS + self._offset

    def ns_at(self, position: float) -> int:
        """When the room's clock reaches a position."""
        return round((position - self._offset) / SAMPLES_PER_NS)

    # ------------------------------------------------------------------------------------ the song

    @property
    def start_position(self) -> int:
        """Where the song begins."""
        return int(self.song["start"])

    @property
    def performance(self) -> str:
        """The song's name."""
        return str(self.song["performance"])

    @property
    def singers(self) -> list[Robot]:
        """Who has a voice."""
        return [robot for robot in self.robots if robot.score is not None]

    def start(self) -> None:
        """The leader begins a free song."""
        self.robots[0].say(type="start")

    def told(self, message: dict[str, Any]) -> None:
        """The song changed, as the server says."""
        if not self.song:
            self.song = message
        if message["stop"] is not None:
            self.stop_position = message["stop"]
        self.complete |= message["state"] in ("mixing", "premiere", "done")

    def take_places(self) -> list[Robot]:
        """Everybody learns their row; returns the singers."""
        row_of = {seat: row for row, seats in enumerate(self.song["rows"]) for seat in seats}
        for robot in self.robots:
            robot.take_place(
                row=row_of.get(robot.seat),
                delays=self.song["delays_samples"],
                listener_delay=self.song["listener_delay_samples"],
                frames_a_packet=self.song["frames_a_packet"],
            )
        return self.singers

    def stop(self) -> None:
        """The leader ends the song at what is at their ear."""
        self.robots[0].say(type="stop", position=int(self.position_at(time.monotonic_ns())))

    @property
    def sung(self) -> bool:
        """Whether everybody has sent their last frame."""
        return all(robot.sung for robot in self.singers)

    def say_sent(self) -> None:
        """Everybody says that their stem is sent."""
        for robot in self.singers:
            robot.say_sent()

    # ------------------------------------------------------------------------------------ findings

    def count_from_now(self) -> None:
        """The load is steady."""
        self.counting = True

    def count_no_more(self) -> None:
        """The load is over."""
        self.counting = False

    def found(self) -> dict[str, Any]:
        """The room's sums."""
        hops = sorted(self.hops_samples)
        return {
            "performance": self.performance,
            "room_number": self.number,
            "start": self.start_position,
            "stop": self.stop_position,
            "rows": [len(row) for row in self.song["rows"]],
            "frames_a_packet": self.song["frames_a_packet"],
            "delays_ms": [round(delay / 48, 1) for delay in self.song["delays_samples"]],
            "hops_ms": {f"p{share}": round(hops[(len(hops) - 1) * share // 100] / 48, 2) for share in (50, 95, 100)}
            if hops
            else {},
            **{name: sum(robot.counts[name] for robot in self.robots) for name in self.robots[0].counts},
            "late_ms_max": round(max(robot.late_samples_max for robot in self.robots) / 48, 2),
            "slack_ms_min": round(min(robot.slack_samples_min for robot in self.robots) / 48, 2),
            "problems": sorted({code for robot in self.robots for code in robot.complained}),
            "singers": [
                {"seat": robot.seat, "number": robot.number, "offset": robot.offset, "sent_until": robot.stamp}
                for robot in self.singers
            ],
        }
