"""The load: singers and listeners who speak the public protocol (docs/wire.md) with next to no processor time.

Run as a process of its own, `python -m bench.capacity_load SPEC`, SPEC being JSON. It says on stdout, one JSON object a
line, when everybody sings (`singing`), when they stopped (`over`), and what it found (`found`).

Each singer hears its row's delay behind the room's clock and sends each 20 ms frame when a page with a sound card of
its own latency would have it; nobody waits for anybody. The loop turns every 2 ms, so what comes is timed up to 2 ms
too late, never too early; `generator_late_ms` says how late it sent.
"""

from __future__ import annotations

import heapq
import json
import random
import resource
import select
import sys
import time
from typing import Any

from bench.capacity_robot import Robot
from bench.capacity_room import LoadRoom
from bench.capacity_voices import VOICES, Score

TURN_NS = 2_000_000
_PROBE_PAUSE_S = 0.2
_SETTLE_S = 1.5
_WAIT_S = 60.0


class Load:
    """All rooms and everybody in them."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec
        chance = random.Random(spec["seed"])
        scores = [Score(voice) for voice in range(VOICES)]
        self.rooms = [LoadRoom(spec, number, scores, chance) for number in range(spec["rooms"])]
        self.late_ns: list[int] = []
        self.cores = 0.0
        self._epoll = select.epoll()
        self._robots: dict[int, Robot] = {}
        self._due: list[tuple[int, int, Robot]] = []
        self._turn_at = time.monotonic_ns()

    # ------------------------------------------------------------------------------------ time

    def turn(self) -> None:
        """Wait for the next turn; take what came, send what is due."""
        self._turn_at = max(self._turn_at + TURN_NS, time.monotonic_ns())
        time.sleep(max(0.0, (self._turn_at - time.monotonic_ns()) / 1e9))
        for descriptor, _ in self._epoll.poll(0, 4096):
            self._robots[descriptor].take()
        self._send_due()

    def _send_due(self) -> None:
        due = self._due
        while due:
            due_ns, number, robot = due[0]
            now = time.monotonic_ns()
            if due_ns > now:
                return
            self.late_ns.append(now - due_ns)
            if robot.sing():
                heapq.heapreplace(due, (robot.due_ns, number, robot))
            else:
                heapq.heappop(due)

    def turns(self, seconds: float) -> None:
        """Let so much time pass."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.turn()

    def until(self, what: str, true: Any) -> None:
        """Let time pass until something is so."""
        patience = time.monotonic() + _WAIT_S
        while not true():
            if time.monotonic() > patience:
                raise SystemExit(f"the load waited too long for {what}")
            self.turn()

    # ------------------------------------------------------------------------------------ the evening

    def come(self) -> None:
        """Everybody joins, learns the room's clock and says how long their way is."""
        for room in self.rooms:
            for robot in room.robots:
                robot.connect()
                self._robots[robot.descriptor] = robot
                self._epoll.register(robot.descriptor, select.EPOLLIN)
                self.turn()
        everybody = list(self._robots.values())
        self.until("the welcomes", lambda: all(robot.seat for robot in everybody))
        for _ in range(8):
            for robot in everybody:
                robot.probe()
            self.turns(_PROBE_PAUSE_S)
        for robot in everybody:
            robot.say_links()
        self.turns(_SETTLE_S)

    def begin(self) -> None:
        """Every room's leader starts; all singers are in their rows and will sing at their own moments."""
        for room in self.rooms:
            room.start()
        self.until("the songs", lambda: all(room.song for room in self.rooms))
        singers = [robot for room in self.rooms for robot in room.take_places()]
        self._due = [(robot.due_ns, number, robot) for number, robot in enumerate(singers)]
        heapq.heapify(self._due)

    def keep_singing(self, seconds: float) -> None:
        """The load itself. Everybody asks the time now and then, as pages do."""
        everybody = list(self._robots.values())
        until, asked = time.monotonic() + seconds, 0
        while time.monotonic() < until:
            self.turn()
            everybody[asked % len(everybody)].probe_if_due()
            asked += 1

    def end(self) -> None:
        """Every leader stops, everybody sings up to the stop and says so, and the server has it all."""
        for room in self.rooms:
            room.stop()
        self.until("the last voices", lambda: all(room.sung for room in self.rooms))
        for room in self.rooms:
            room.say_sent()
        self.until("the stems", lambda: all(room.complete for room in self.rooms))

    def found(self) -> dict[str, Any]:
        """What came of it."""
        late = sorted(self.late_ns)
        return {
            "generator_late_ms_p99": late[len(late) * 99 // 100] / 1e6 if late else None,
            "generator_cores": self.cores,
            "sent_packets": len(late),
            "rooms": [room.found() for room in self.rooms],
        }


def _say(**what: Any) -> None:
    print(json.dumps(what), flush=True)


def main(spec: dict[str, Any]) -> None:
    """The whole evening."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    load = Load(spec)
    load.come()
    load.begin()
    load.turns(spec["settle_s"])
    load.late_ns.clear()
    for room in load.rooms:
        room.count_from_now()
    _say(event="singing", rows=[len(room.song["delays_samples"]) - 1 for room in load.rooms])
    cpu, began = time.process_time(), time.monotonic()
    load.keep_singing(spec["seconds"])
    load.cores = (time.process_time() - cpu) / (time.monotonic() - began)
    for room in load.rooms:
        room.count_no_more()
    _say(event="over")
    load.end()
    _say(event="found", **load.found())


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
