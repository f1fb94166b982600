"""What a page is told of its sound's way through the server: means, to those in rows, and nothing to anybody else."""

from __future__ import annotations

from tests.sim.courtyard import Courtyard, singing
from unisono.core.messages import FromRoom, Way, decode_from_room
from unisono.live.course import Course
from unisono.live.desk import LISTENERS, CameLate, Outgoing
from unisono.units import FRAME_SAMPLES, SAMPLE_RATE, Position

SUNG_LATE = 5_000


class Inbox:
    """Stands for a session: keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[FromRoom] = []

    def send_text(self, text: str) -> None:
        self.told.append(decode_from_room(text))


def sung() -> tuple[Courtyard, list[int], dict[int, Inbox]]:
    """A song in which three have sung, each `SUNG_LATE` after they heard it, and a listener is there."""
    courtyard = Courtyard()
    courtyard.come("listener", "Rosa")
    numbers = singing(courtyard, voices=3)
    courtyard.wait(3.0)
    for index in range(50):
        for row, number in enumerate(numbers):
            behind = courtyard.song.seating.delays_samples[row]
            courtyard.sing(number, courtyard.now - behind - SUNG_LATE - (index % 2))
        courtyard.wait(0.02)
    return courtyard, numbers, {number: Inbox() for number in range(1, 5)}


def told(course: Course, courtyard: Courtyard, inboxes: dict[int, Inbox], *, at: float) -> None:
    course.delivered(courtyard.room, inboxes, now=at)  # type: ignore[arg-type]


def test_everybody_in_a_row_is_told_what_only_the_server_knows() -> None:
    courtyard, numbers, inboxes = sung()
    course, now = Course(), courtyard.now
    for index in range(10):
        at = Position(now + index * FRAME_SAMPLES)
        course.forwarded(Position(at - 7_000), now=float(at))
        mixed = [Outgoing(row=row, position=Position(at - 20_000), opus=b"") for row in (2, LISTENERS)]
        course.mixed(mixed, [CameLate(seat=courtyard.seat(numbers[1]), late_samples=99)], ticked=at)
        told(course, courtyard, inboxes, at=at + 144.0)
    ways = [next(way for way in inboxes[number].told if isinstance(way, Way)) for number in numbers]
    assert [SUNG_LATE <= (way.arrived_samples or 0) <= SUNG_LATE + 1 for way in ways] == [True] * 3
    last = [course.way_of(courtyard.room.seats.find(courtyard.seat(number)), courtyard.room, courtyard.song.seating)  # type: ignore[arg-type]
            for number in numbers]
    assert [way.left_samples for way in last] == [None, 7_000.0, 20_144.0]
    assert [way.mixing_samples for way in last] == [None, None, 144.0]
    assert last[1].came_samples == last[0].arrived_samples, "the leader hears without a delay"
    assert last[2].came_samples == (last[1].arrived_samples or 0) + courtyard.song.seating.delays_samples[1]
    assert [way.late_frames for way in last] == [0, 10, 0]
    assert inboxes[1].told == [], "a listener has no use for it"


def test_it_is_said_every_few_seconds_and_not_after_the_song() -> None:
    courtyard, numbers, inboxes = sung()
    course, now = Course(), courtyard.now
    told(course, courtyard, inboxes, at=float(now))
    assert inboxes[numbers[0]].told == [], "nothing has gone out yet"
    for index in range(10 * 50):
        at = Position(now + index * FRAME_SAMPLES)
        course.forwarded(at, now=float(at))
        told(course, courtyard, inboxes, at=float(at))
    assert len(inboxes[numbers[1]].told) == 4
    told(Course(), courtyard, inboxes, at=float(now + 60 * SAMPLE_RATE))
    assert len(inboxes[numbers[1]].told) == 4
