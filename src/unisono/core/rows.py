"""Rows: who sits where, and how far behind the leader each row hears.

Row 0 is the leader's. D_0 = 0 and D_k - D_(k-1) covers the slowest way up from row k-1, the server's own share and the
slowest way down to row k. Who sings exactly and has a short way sits in front; who was only tapped in, sings before
loudspeakers or has a way far longer than the others' sits in the last singing row, and slows nobody but the listeners.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median_low
from typing import Final

from unisono.core.lateness import OUTAGE_SAMPLES
from unisono.core.messages import Method, Output
from unisono.units import FRAME_SAMPLES, OPUS_LOOKAHEAD_SAMPLES, samples_of_ms

SINGING_ROWS_MAX: Final = 5
CROWDED_ROWS_MAX: Final = 3
"""While the server has many songs at once: each row is an encoder more."""

FORWARD_SAMPLES: Final = samples_of_ms(3)
"""The server's share in the first hop, where the leader's packets are forwarded as they are, once they are taken in."""

_READY_MS, _READY_MS_A_VOICE = 6.0, 0.16

_CROWDED_SAMPLES: Final = samples_of_ms(15)
"""On a crowded server a mixed frame is begun so much earlier: other rooms' ticks may come first."""

PAIRED_FROM: Final = 48
"""With so many voices, frames travel two to a packet: each socket is read and written half as often, which costs 20 ms
on either side of the server (docs/decisions/0013-two-frames-a-packet.md)."""

BUNDLE_SAMPLES: Final = 10 * FRAME_SAMPLES
"""Listeners get their frames ten at a time."""

UNKNOWN_UP_SAMPLES: Final = samples_of_ms(200)
UNKNOWN_DOWN_SAMPLES: Final = samples_of_ms(120)
"""Assumed of a way that was never measured."""

LINK_SAMPLES_MAX: Final = OUTAGE_SAMPLES
"""No row waits longer than this for anybody, whatever they claim."""

BEHIND_SAMPLES_MAX: Final = samples_of_ms(5000)
"""In bad weather there are fewer rows, not rows further behind: timeline and tapes hold no more."""

_FAR_SAMPLES: Final = samples_of_ms(200)
_STEADY_SPREAD_SAMPLES: Final = samples_of_ms(2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One performer as the seating sees them; `up_samples` and `down_samples` are None until they were measured."""

    seat: int
    up_samples: float | None = None
    down_samples: float | None = None
    method: Method = "acoustic"
    output: Output = "headphones"
    spread_samples: float = 0.0

    @property
    def up(self) -> int:
        """The way from ear to written packet, within what a row waits for."""
        return _limited(self.up_samples, UNKNOWN_UP_SAMPLES)

    @property
    def down(self) -> int:
        """The way from server to ear, within what a row waits for."""
        return _limited(self.down_samples, UNKNOWN_DOWN_SAMPLES)

    @property
    def heard_live(self) -> bool:
        """Whether others may hear them during the song: loudspeakers would send everybody's sound back."""
        return self.output != "loudspeakers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seating:
    """Rows and distances, fixed for a song.

    `delays_samples[k]` is how far behind the room's clock row k hears; `cuts_samples[k]`, a little less, is how far
    behind it the server finishes what it sends there. `unheard` sing in a row but are not fed to anybody live. `beside`
    came in the middle with a way too long for any row: they hear as listeners do and are recorded.
    """

    rows: tuple[tuple[int, ...], ...]
    delays_samples: tuple[int, ...]
    cuts_samples: tuple[int, ...]
    listener_delay_samples: int
    listener_cut_samples: int
    mix_samples: int = FRAME_SAMPLES + OPUS_LOOKAHEAD_SAMPLES
    """The server's share in every hop but the first; songs that were sung before it was counted do not say it."""
    unheard: frozenset[int] = frozenset()
    beside: tuple[int, ...] = ()
    frames_a_packet: int = 1
    """How many frames travel together, both ways, but to listeners."""

    @property
    def together_samples(self) -> int:
        """How long the first frame of a packet waits for the last one."""
        return together_samples(self.frames_a_packet)

    @property
    def last_row(self) -> int:
        """The number of the last singing row; 0 when the leader sings alone."""
        return len(self.rows) - 1

    def row_of(self, seat: int) -> int | None:
        """The row of a seat; None for listeners and those beside the rows."""
        for number, row in enumerate(self.rows):
            if seat in row:
                return number
        return None

    def delay_of(self, seat: int) -> int:
        """How far behind the room's clock a seat hears, in samples."""
        row = self.row_of(seat)
        return self.listener_delay_samples if row is None else self.delays_samples[row]


def ready_samples(voices: int) -> int:
    """How long before it must leave a mixed frame is begun: one that so many are in takes longer."""
    return samples_of_ms(_READY_MS + _READY_MS_A_VOICE * voices)


def together_samples(frames_a_packet: int) -> int:
    """How long the first of so many frames waits for the last one."""
    return (frames_a_packet - 1) * FRAME_SAMPLES


def mix_samples(voices: int, frames_a_packet: int = 1) -> int:
    """The server's share in later hops, with so many voices in the song.

    A mixed frame needs voices that reach a frame and the codec's look-ahead further than its stamp. It is begun in the
    very tick by which these must be there (live/desk.py lays the frames so); of those that travel together the first
    waits for the last, then all are summed and encoded at once.
    """
    return FRAME_SAMPLES + OPUS_LOOKAHEAD_SAMPLES + ready_samples(voices) + together_samples(frames_a_packet)


def _limited(samples: float | None, unknown: int) -> int:
    if samples is None or samples != samples:
        return unknown
    return round(min(max(samples, 0.0), LINK_SAMPLES_MAX))


def seat_rows(
    members: Iterable[Member],
    *,
    leader: int,
    listener_down_samples: float | None = None,
    rows_max: int = SINGING_ROWS_MAX,
    crowded: bool = False,
) -> Seating:
    """Seat the performers behind `leader`, a seat among `members`; a `crowded` server has fewer rows, frames in pairs.

    Members without a sound check (`method` none) do not sing and are left out. `listener_down_samples` is the slowest
    listener's way that is worth waiting for.
    """
    by_seat = {member.seat: member for member in members}
    singers = [member for member in by_seat.values() if member.method != "none" and member.seat != leader]
    listener_down = _limited(listener_down_samples, UNKNOWN_DOWN_SAMPLES)
    for most in range(min(rows_max, CROWDED_ROWS_MAX) if crowded else rows_max, 1, -1):
        seating = _with_distances([[by_seat[leader]], *_singing_rows(singers, most)], listener_down, crowded=crowded)
        if seating.listener_cut_samples <= BEHIND_SAMPLES_MAX:
            return seating
    return _with_distances([[by_seat[leader]], *_singing_rows(singers, 1)], listener_down, crowded=crowded)


def _singing_rows(singers: Sequence[Member], rows_max: int) -> list[list[Member]]:
    """Front rows of steady singers, then one row of all others; one row of all if there may be no more."""
    if rows_max == 1:
        return [sorted(singers, key=_steadiness)] if singers else []
    exact = [member for member in singers if member.method == "acoustic" and member.heard_live]
    far = _far_seats(exact)
    front = sorted((member for member in exact if member.seat not in far), key=_steadiness)
    back = [member for member in singers if member.seat in far or member not in exact]
    rows = _spread(front, rows_max - 1 if back else rows_max)
    return [*rows, sorted(back, key=_steadiness)] if back else rows


def _far_seats(members: Sequence[Member]) -> frozenset[int]:
    """Those whose way is more than twice, and by 0.2 s, longer than the median's: the rest should not wait for them."""
    if len(members) < 2:
        return frozenset()
    usual = median_low(_way(member) for member in members)
    limit = max(2 * usual, usual + _FAR_SAMPLES)
    return frozenset(member.seat for member in members if _way(member) > limit)


def _way(member: Member) -> int:
    return member.up + member.down


def _steadiness(member: Member) -> tuple[int, int, int, int]:
    """Sorts the steadiest first: by what is heard of them, how exactly, how soon."""
    place = 2 if not member.heard_live else 1 if member.method != "acoustic" else 0
    exactness = int(member.output == "bluetooth") + int(member.spread_samples > _STEADY_SPREAD_SAMPLES)
    return place, exactness, _way(member), member.seat


def _spread(members: Sequence[Member], rows_max: int) -> list[list[Member]]:
    """One row each while there are rows enough, else as evenly as possible, the larger rows behind."""
    rows = min(len(members), rows_max)
    return [list(members[len(members) * row // rows : len(members) * (row + 1) // rows]) for row in range(rows)]


def _with_distances(rows: Sequence[Sequence[Member]], listener_down: int, *, crowded: bool) -> Seating:
    delays, cuts = [0], [0]
    up = rows[0][0].up
    voices = sum(len(row) for row in rows)
    frames = 2 if crowded or voices >= PAIRED_FROM else 1
    together, mixing = together_samples(frames), mix_samples(voices - 1, frames) + _CROWDED_SAMPLES * crowded
    for row in rows[1:]:
        cuts.append(delays[-1] + up + together + (FORWARD_SAMPLES if len(cuts) == 1 else mixing))
        delays.append(cuts[-1] + max(member.down for member in row))
        up = _slowest_up(row)
    listener_cut = delays[-1] + up + together + mixing
    return Seating(
        rows=tuple(tuple(member.seat for member in row) for row in rows),
        delays_samples=tuple(delays),
        cuts_samples=tuple(cuts),
        listener_delay_samples=listener_cut + BUNDLE_SAMPLES + listener_down,
        listener_cut_samples=listener_cut,
        mix_samples=mixing,
        unheard=frozenset(member.seat for row in rows[1:] for member in row if not member.heard_live),
        frames_a_packet=frames,
    )


def _slowest_up(row: Sequence[Member]) -> int:
    """Of those in a singing row whom anybody waits for."""
    return max((member.up for member in row if member.heard_live), default=0)


def rows_for_late_comer(seating: Seating, member: Member) -> Seating:
    """Seat somebody who comes in the middle of a song, moving nobody and no distance.

    They join the last singing row if their way fits what that row and the listeners allow for; else they sit `beside`
    the rows, hear as listeners do, and are recorded. Somebody already seated stays where they are.
    """
    if member.method == "none" or seating.row_of(member.seat) is not None or member.seat in seating.beside:
        return seating
    if not _fits_last_row(seating, member):
        return replace(seating, beside=(*seating.beside, member.seat))
    rows = (*seating.rows[:-1], (*seating.rows[-1], member.seat))
    unheard = seating.unheard if member.heard_live else seating.unheard | {member.seat}
    return replace(seating, rows=rows, unheard=unheard)


def _fits_last_row(seating: Seating, member: Member) -> bool:
    last = seating.last_row
    if last == 0:
        return False
    down_allowed = seating.delays_samples[last] - seating.cuts_samples[last]
    server = seating.mix_samples + seating.together_samples
    up_allowed = seating.listener_cut_samples - server - seating.delays_samples[last]
    return member.down <= down_allowed and (member.up <= up_allowed or not member.heard_live)


def hears(seating: Seating, row: int | None) -> tuple[int, ...]:
    """The seats that row `row` hears live, in the order of rows; None is the listeners and those beside the rows."""
    if row == 0:
        return ()
    before = seating.rows if row is None else seating.rows[:row]
    return tuple(seat for seats in before for seat in seats if seat not in seating.unheard)


def heard_by(seating: Seating, seat: int) -> tuple[int, ...]:
    """The seats that hear `seat` live, in the rows behind and beside them; listeners hear whoever anybody hears."""
    row = seating.row_of(seat)
    if row is None or seat in seating.unheard:
        return ()
    return tuple(behind for seats in seating.rows[row + 1 :] for behind in seats) + seating.beside
