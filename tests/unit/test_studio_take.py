"""Takes: sound and picture of recordings made here by FFmpeg's encoders, and of real phones' where they are at hand."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from bench.ingest import CASES, FPS, SIDE, Case, File, arrival_s, encode, measure, read, sweep
from unisono.errors import TakeEmpty, TakeTooLong, TakeUnreadable
from unisono.studio.aac import core_rate_hz
from unisono.studio.boxes import edited_tracks
from unisono.studio.delays import APPLE_AAC_SAMPLES, Origin, late_samples, mpeg_layer, picture_moves_s
from unisono.studio.hearing import Hearing, Tape, few_channels
from unisono.studio.picture import orientation, uneven, upright_frames
from unisono.studio.take import Take, read_into
from unisono.studio.take import read as read_path
from unisono.units import SAMPLE_RATE

PHONES = Path(os.environ.get("UNISONO_TEST_DATA", Path(__file__).parents[2].parent / "shared" / "data")) / "phone-video"
ERROR_MS_MAX = 0.1
FEW = [case for case in CASES if case.picture or case.codec in {"aac", "libopus", "wmav2", "libopencore_amrnb"}]


@pytest.mark.parametrize("case", FEW, ids=lambda case: case.name)
def test_a_sound_stands_where_it_was_put(case: Case) -> None:
    row = measure(case)
    assert abs(row["error_ms"]) <= ERROR_MS_MAX
    assert abs(row.get("picture_ms", 0)) <= ERROR_MS_MAX


def test_apples_delay_is_taken_off_where_no_edit_list_says_so() -> None:
    ahead, options = APPLE_AAC_SAMPLES - 1024, {"use_editlist": "0"}
    case = Case(container="mp4", codec="aac", muxer_options=options, handler="Core Media Audio", ahead=ahead)
    file = File(case)
    encode(case, file)
    take = read(File(case, file.getvalue()))
    assert take.facts.sound is not None
    assert take.facts.sound.delay_samples == APPLE_AAC_SAMPLES
    assert abs(arrival_s(take.sound[:, 0]) - 0.8) < 1e-4


def test_what_the_file_tells_is_not_taken_off_twice() -> None:
    assert late_samples(Origin(codec="aac", rate_hz=48_000)) == 1024
    assert late_samples(Origin(codec="aac", rate_hz=48_000, told_samples=1024)) == 0
    assert late_samples(Origin(codec="aac", rate_hz=48_000, told_samples=0)) == 0
    assert late_samples(Origin(codec="aac", rate_hz=44_100, writer="Core Media Audio")) == 2112
    assert late_samples(Origin(codec="flac", rate_hz=44_100)) == 0
    assert late_samples(Origin(codec="aac", rate_hz=48_000, core_rate_hz=48_000)) == 1024
    assert late_samples(Origin(codec="aac", rate_hz=48_000, core_rate_hz=24_000)) == 2 * 1024 + 962
    assert late_samples(Origin(codec="aac", rate_hz=48_000, core_rate_hz=24_000, told_samples=1024)) == 962
    assert late_samples(Origin(codec="amr_nb", rate_hz=8_000, told_samples=50)) == -10


def test_the_rate_of_an_aac_core_is_read_from_the_setup_or_a_frame() -> None:
    assert core_rate_hz(bytes([0x11, 0x90]), b"") == 48_000
    assert core_rate_hz(bytes([0x13, 0x10, 0x56, 0xE5, 0x98]), b"") == 24_000
    assert core_rate_hz(bytes([0x2B, 0x09, 0x88, 0x00]), b"") == 24_000, "explicit: the core's rate comes first"
    assert core_rate_hz(bytes([0x17, 0x80, 0x2E, 0xE0, 0x10]), b"") == 24_000
    assert core_rate_hz(b"", bytes([0xFF, 0xF1, 0x58, 0x80, 0, 0, 0])) == 24_000
    assert core_rate_hz(b"", b"no header") == 0
    assert core_rate_hz(bytes([0x16, 0xFF]), b"") == 0, "13 and 14 are no rates"


def test_a_picture_moves_only_with_a_shift_of_its_sounds_delay() -> None:
    assert picture_moves_s(late_s=0.0213, picture_late_s=0.021, tick_s=0.001) == 0.021
    assert picture_moves_s(late_s=0.0213, picture_late_s=0.0, tick_s=0.001) == 0
    assert picture_moves_s(late_s=0.0213, picture_late_s=0.4, tick_s=0.001) == 0
    assert picture_moves_s(late_s=0.0, picture_late_s=0.001, tick_s=0.001) == 0


def test_layers_are_told_by_the_frame_itself() -> None:
    assert [mpeg_layer(bytes([0xFF, second])) for second in (0xFB, 0xFD, 0xFF)] == ["mp3", "mp2", "mp1"]
    assert mpeg_layer(b"") == "mp3"


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 22_050, 32_000, 37_800, 44_100, 96_000])
def test_odd_rates_come_out_in_place(rate_hz: int) -> None:
    case = Case(container="wav", codec="pcm_f32le", rate_hz=rate_hz)
    file = File(case)
    encode(case, file)
    assert abs(arrival_s(read(File(case, file.getvalue())).sound[:, 0]) - 0.8) < 3e-5


def pcm(*pieces: tuple[float, np.ndarray], rate_hz: int = SAMPLE_RATE, container: str = "matroska") -> io.BytesIO:
    """A recording in which each piece of mono sound has a timestamp of its own."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as out:
        stream = out.add_stream("pcm_f32le", rate=rate_hz, layout="mono")
        assert isinstance(stream, AudioStream)
        for at_s, sound in pieces:
            for start in range(0, sound.size, 480):
                block = sound[start : start + 480]
                frame = av.AudioFrame.from_ndarray(block.reshape(1, -1), format="flt", layout="mono")
                frame.sample_rate, frame.time_base = rate_hz, Fraction(1, rate_hz)
                frame.pts = round(at_s * rate_hz) + start
                out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    file.seek(0)
    return file


def one(seconds: float, level: float = 0.5) -> np.ndarray:
    return np.full(round(seconds * SAMPLE_RATE), level, dtype=np.float32)


def taken(file: io.BytesIO) -> Take:
    blocks: list[np.ndarray] = []
    facts = read_into(file, blocks.append)
    return Take(sound=np.concatenate(blocks) if blocks else np.zeros((0, 1), np.float32), facts=facts)


def test_sound_that_starts_late_stays_late() -> None:
    take = taken(pcm((0.5, one(0.2))))
    assert take.facts.sound is not None
    assert (take.facts.sound.start, take.facts.sound.stop) == (24_000, 33_600)
    assert not take.sound[:24_000].any()
    assert take.sound.shape == (33_600, 1)


def test_a_gap_is_silence_and_everything_after_it_stays_in_place() -> None:
    take = taken(pcm((0, one(0.2)), (0.525, one(0.2, 0.25))))
    assert take.facts.sound is not None
    assert take.facts.sound.gaps == ((9_600, 25_200),)
    assert "gaps" in take.facts.notes
    assert not take.sound[9_600:25_200].any()
    assert np.all(take.sound[25_200:] == 0.25)


def test_what_stands_twice_is_heard_once() -> None:
    blocks: list[np.ndarray] = []
    hearing = Hearing(Tape(blocks.append, most=SAMPLE_RATE), zero_s=0.0, tick_s=1 / SAMPLE_RATE, late_s=0.0)
    for at, level in [(0, 0.5), (4_800, 0.5), (7_200, 0.25), (12_000, 0.25)]:
        frame = av.AudioFrame.from_ndarray(one(0.1, level).reshape(1, -1), format="flt", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, at, Fraction(1, SAMPLE_RATE)
        hearing.feed(frame)
    hearing.end()
    heard = np.concatenate(blocks)
    assert heard.shape == (16_800, 1)
    assert np.all(heard[:9_600] == 0.5)
    assert np.all(heard[9_600:] == 0.25)


def test_timestamps_that_jitter_cut_nothing() -> None:
    jitter = np.random.default_rng(5).uniform(-0.004, 0.004, 50)
    pieces = [(0.01 * i + (float(jitter[i]) if i else 0.0), one(0.01, 0.001 * i)) for i in range(50)]
    take = taken(pcm(*pieces))
    assert np.allclose(take.sound[:, 0], np.concatenate([sound for _, sound in pieces]), atol=1e-7)
    assert take.facts.sound is not None
    assert take.facts.sound.gaps == ()


def test_a_clock_that_runs_away_is_noted_and_cuts_nothing() -> None:
    take = taken(pcm(*[(0.01001 * i + 0.00005 * i, one(0.01)) for i in range(500)]))
    assert take.facts.sound is not None
    assert take.facts.sound.gaps == ()
    assert take.facts.sound.clock_samples == pytest.approx(0.00006 * 499 * SAMPLE_RATE, abs=60)
    assert "clock" in take.facts.notes


def test_one_wild_timestamp_moves_nothing() -> None:
    pieces = [(0.01 * i + (100 if i == 20 else 0), one(0.01)) for i in range(50)]
    assert (
        taken(pcm(*pieces[:20], *pieces[21:])).sound.shape == taken(pcm(*[p for p in pieces if p[0] < 9])).sound.shape
    )


def test_hours_of_silence_are_refused_before_they_are_written() -> None:
    written: list[int] = []
    with pytest.raises(TakeTooLong):
        read_into(
            pcm((0, one(0.2)), (40_000, one(0.2))),
            lambda block: written.append(len(block)),
            seconds_max=60,
        )
    assert sum(written) < 60 * SAMPLE_RATE


def test_what_is_no_number_is_silence_and_what_is_too_loud_is_clipped() -> None:
    sound = np.array([0.5, np.nan, np.inf, -np.inf, 1e30, -1e30] * 80, dtype=np.float32)
    heard = taken(pcm((0, sound))).sound
    assert np.all(np.isfinite(heard))
    assert np.abs(heard).max() <= 4


def test_surround_comes_to_two_channels() -> None:
    layout = av.AudioLayout("5.1")
    loud = np.zeros((10, 6), dtype=np.float32)
    loud[:, 2] = 1
    assert few_channels(loud, layout) == pytest.approx(np.full((10, 2), 0.5**0.5))
    left = np.zeros((10, 6), dtype=np.float32)
    left[:, 0] = 1
    assert few_channels(left, layout) == pytest.approx(np.tile([1.0, 0.0], (10, 1)))


def filmed(
    *,
    sounds: int = 1,
    pictures: int = 10,
    matrix: tuple[int, ...] | None = None,
    ticks: list[int] | None = None,
    aspect: Fraction | None = None,
    colours: tuple[int, int] | None = None,
) -> io.BytesIO:
    """An MP4 with a picture whose left upper quarter is white, and `sounds` streams of sound."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        picture = out.add_stream("libx264" if colours else "mpeg4", rate=FPS)
        assert isinstance(picture, VideoStream)
        picture.width, picture.height, picture.pix_fmt = 2 * SIDE, SIDE, "yuv420p"
        picture.codec_context.time_base = Fraction(1, 1000)
        if aspect is not None:
            picture.codec_context.sample_aspect_ratio = aspect
        if colours is not None:
            picture.codec_context.color_trc, picture.codec_context.color_primaries = colours
        if matrix is not None:
            picture.set_display_matrix(matrix)
        heard = [out.add_stream("aac", rate=48_000, layout="mono") for _ in range(sounds)]
        grey = np.full((SIDE * 3 // 2, 2 * SIDE), 128, dtype=np.uint8)
        grey[:SIDE] = 16
        grey[: SIDE // 2, :SIDE] = 235
        for tick in ticks or [40 * i for i in range(pictures)]:
            frame = av.VideoFrame.from_ndarray(grey, format="yuv420p")
            frame.pts, frame.time_base = tick, Fraction(1, 1000)
            out.mux(picture.encode(frame))
        out.mux(picture.encode(None))
        for stream in heard:
            sound = av.AudioFrame.from_ndarray(one(0.4).reshape(1, -1), format="fltp", layout="mono")
            sound.sample_rate, sound.pts, sound.time_base = 48_000, 0, Fraction(1, 48_000)
            assert isinstance(stream, AudioStream)
            stream.codec_context.open(strict=False)
            for block in av.AudioResampler(format="fltp", layout="mono", rate=48_000, frame_size=1024).resample(sound):
                out.mux(stream.encode(block))
            out.mux(stream.encode(None))
    file.seek(0)
    return file


ONE, ALL = 1 << 16, 1 << 30
TURNS = {
    (0, False): (ONE, 0, 0, 0, ONE, 0, 0, 0, ALL),
    (90, False): (0, ONE, 0, -ONE, 0, 0, 0, 0, ALL),
    (180, False): (-ONE, 0, 0, 0, -ONE, 0, 0, 0, ALL),
    (270, False): (0, -ONE, 0, ONE, 0, 0, 0, 0, ALL),
    (0, True): (-ONE, 0, 0, 0, ONE, 0, 0, 0, ALL),
    (90, True): (0, ONE, 0, ONE, 0, 0, 0, 0, ALL),
    (180, True): (ONE, 0, 0, 0, -ONE, 0, 0, 0, ALL),
}


@pytest.mark.parametrize(("turned", "matrix"), TURNS.items())
def test_a_picture_is_shown_as_its_matrix_says(turned: tuple[int, bool], matrix: tuple[int, ...]) -> None:
    file = filmed(matrix=matrix)
    picture = taken(file).facts.picture
    assert picture is not None
    assert (picture.rotation_deg, picture.mirrored) == turned
    upended = turned[0] in (90, 270)
    assert (picture.width, picture.height) == ((SIDE, 2 * SIDE) if upended else (2 * SIDE, SIDE))
    shown = [(time_s, frame.to_ndarray(format="gray")) for time_s, frame in upright_frames(file, picture)]
    assert [round(time_s, 3) for time_s, _ in shown] == [0.04 * i for i in range(10)]
    # Where the white quarter goes, by arithmetic: x' = a x + c y, y' = b x + d y about the middle.
    a, b, _, c, d = (number / ONE for number in matrix[:5])
    x, y = a * -0.5 + c * -0.5, b * -0.5 + d * -0.5
    grey = shown[0][1]
    quarter = grey[slice(0, grey.shape[0] // 2) if y < 0 else slice(grey.shape[0] // 2, None)]
    quarter = quarter[:, slice(0, grey.shape[1] // 2) if x < 0 else slice(grey.shape[1] // 2, None)]
    assert quarter.mean() > 180
    assert grey.mean() < 90


def test_orientation_without_a_matrix() -> None:
    assert orientation(None) == (0, False)


def test_frames_at_a_variable_rate_are_told_from_rounded_times() -> None:
    assert not uneven(np.array([0, 0.033, 0.067, 0.1, 0.133]))
    assert uneven(np.array([0, 0.033, 0.067, 0.4, 0.433]))
    assert not uneven(np.array([0.0, 5.0]))
    picture = taken(filmed(ticks=[0, 40, 80, 400, 440])).facts.picture
    assert picture is not None
    assert picture.variable_rate
    assert [picture.first_s, picture.last_s, picture.frames] == pytest.approx([0, 0.44, 5])


def test_pixels_that_are_not_square_and_more_light_than_a_screen_has() -> None:
    wide = taken(filmed(aspect=Fraction(4, 3))).facts.picture
    assert wide is not None
    assert (wide.width, wide.height) == (round(2 * SIDE * 4 / 3), SIDE)
    bright = taken(filmed(colours=(18, 9))).facts.picture
    assert bright is not None
    assert (bright.hdr, bright.transfer, bright.primaries) == (True, "arib-std-b67", "bt2020")


def test_notes_tell_what_is_there_and_what_is_not() -> None:
    assert taken(filmed(sounds=0)).facts.notes == ("no_sound",)
    assert taken(filmed(sounds=0)).sound.shape == (0, 1)
    several = taken(filmed(sounds=3)).facts
    assert several.notes == ("several_sounds",)
    assert several.sound is not None
    assert several.sound.streams == 3
    assert "no_picture" in taken(pcm((0, one(0.1)))).facts.notes


def test_edit_lists_are_found_in_the_boxes() -> None:
    with_list, without = (File(FEW[0]) for _ in range(2))
    plain = Case(container="mp4", codec="aac")
    encode(plain, with_list)
    encode(replace(plain, muxer_options={"use_editlist": "0"}), without)
    assert edited_tracks(with_list) == {1}
    assert edited_tracks(without) == set()
    assert edited_tracks(io.BytesIO(b"\0\0\0\1moov" + b"\xff" * 20)) == set()


@pytest.mark.parametrize(
    "content",
    [
        b"not a recording",
        b"",
        b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile '/etc/passwd'\n",
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 4000 RTP/AVP 0\n",
        b"<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011' type='static'></MPD>",
        bytes(4096),
    ],
)
def test_what_is_no_recording_is_said_so(content: bytes) -> None:
    with pytest.raises((TakeUnreadable, TakeEmpty)):
        taken(io.BytesIO(content))


def test_a_recording_that_was_cut_off_is_read_as_far_as_it_goes() -> None:
    whole = pcm((0, np.tile(sweep(SAMPLE_RATE), 16))).getvalue()
    take = taken(io.BytesIO(whole[: len(whole) // 2]))
    assert 1.8 < take.facts.samples / SAMPLE_RATE < 2.1
    assert "cut_off" in take.facts.notes


REAL = {
    # name: start and stop of sound, rotation, mirrored, variable rate, shown size, first frame
    "sample.mp4": (3226, 52_267, 0, False, False, (1080, 720), 0.0),
    "sample_portrait.mp4": (2064, 52_219, 0, False, False, (720, 1080), 0.0),
    "sample_rotate_and_reflect.mp4": (3226, 52_267, 90, True, False, (720, 1080), 0.0),
    "edit_list_positive_shift.mp4": (0, 480_256, 0, False, False, (1920, 1080), 1.0),
    "portrait_4k60.mp4": (673, 13_985, 90, False, False, (2160, 3840), 0.0),
    "h265_with_metadata_track.mp4": (803, 2851, 90, False, False, (1080, 1920), 0.0),
    "sample_android_slow_motion.mp4": (None, None, 0, False, True, (1280, 720), 0.0),
    "long_edit_list_audioonly.mp4": (0, 74_982, None, None, None, None, None),
    "bbb_1ch_48kHz_q10_opus.webm": (0, 144_000, None, None, None, None, None),
}


@pytest.mark.parametrize("name", [name for name in REAL if (PHONES / name).is_file()])
def test_real_phones(name: str) -> None:
    facts = read_path(PHONES / name).facts
    start, stop, *seen = REAL[name]
    assert (facts.sound and facts.sound.start, facts.sound and facts.sound.stop) == (start, stop)
    p = facts.picture
    if p is None:
        assert seen == [None] * 5
        return
    assert seen[:-1] == [p.rotation_deg, p.mirrored, p.variable_rate, (p.width, p.height)]
    assert p.first_s == pytest.approx(seen[-1])
