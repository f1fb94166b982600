"""Clips and a guide become one mix; whatever one clip is like, the others are mixed, and what was done is told."""

from __future__ import annotations

import contextlib
import json
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.unit.clips import backing, sung_to, voice, write_clip, write_guide
from unisono.errors import DiskTrouble, GuideNotFound
from unisono.studio import files
from unisono.studio.cli import produce
from unisono.studio.clip import Clip
from unisono.studio.clips import produce_clips
from unisono.studio.jobs import worker_environment
from unisono.studio.outcome import ProduceSettings, Production, read_report
from unisono.studio.report import in_words, said_of, write_page
from unisono.studio.steps import Cancelled, Told
from unisono.units import SAMPLE_RATE

PLACES = {"Ada": 7_000, "Bruno": -12_345, "Chloë 合唱": 30_001}


@pytest.fixture(scope="module")
def choir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a guide and three clips that hear it at known positions."""
    folder = tmp_path_factory.mktemp("choir")
    write_guide(folder)
    endings = (".m4a", ".opus", ".wav")
    for seed, ((name, late), ending) in enumerate(zip(PLACES.items(), endings, strict=True)):
        write_clip(folder / f"{name}{ending}", sung_to(backing(), seed=seed, late_samples=late))
    return folder


def clips_of(folder: Path) -> list[Clip]:
    paths = sorted(path for path in folder.iterdir() if path.stem in PLACES)
    return [Clip(key=path.stem, path=str(path), name=path.stem) for path in paths]


@pytest.fixture(scope="module")
def made(choir: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Production, list[Told]]:
    """All of it, once."""
    out = tmp_path_factory.mktemp("made")
    told: list[Told] = []
    return out, produce_clips(clips_of(choir), choir / "guide.flac", out, on_told=told.append), told


def begun(made: tuple[Path, Production, list[Told]], out: Path) -> Path:
    """An output folder in which the three clips have been worked on already."""
    shutil.copytree(made[0] / "work", out / "work")
    return out


def words(production: Production, key: str, language: str = "en") -> str:
    return "; ".join(in_words(said_of(next(clip for clip in production.clips if clip.key == key)), language))


def test_every_voice_stands_where_it_was_sung_and_the_mix_is_at_its_loudness(
    made: tuple[Path, Production, list[Told]],
) -> None:
    out, production, _ = made
    for clip in production.clips:
        assert clip.report is not None
        assert (clip.state, clip.report.alignment.certain) == ("mixed", True)
        assert abs(clip.report.alignment.offset_samples - PLACES[clip.key]) < 0.001 * SAMPLE_RATE
        stem = files.read_back(out / f"stems/{clip.key}.flac")[:, 0]
        wanted = np.zeros(len(stem) + SAMPLE_RATE, dtype=np.float32)
        seed = list(PLACES).index(clip.key)
        sung = voice(seed, len(backing()) - max(PLACES[clip.key], 0))
        first = max(0, PLACES[clip.key])
        sung = sung[max(0, -PLACES[clip.key]) :][: len(wanted) - first]
        wanted[first : first + len(sung)] = sung
        heard = stem[: len(wanted)]
        likeness = np.dot(heard, wanted[: len(heard)]) / np.linalg.norm(heard) / np.linalg.norm(wanted[: len(heard)])
        assert likeness > 0.9, clip.key
    assert {file.name for file in production.files} == {"mix.wav", "mix.flac", "mix.opus", "mix.m4a"}
    for file in production.files:
        assert file.lufs == pytest.approx(-16, abs=0.5)
        assert file.true_peak_dbtp is not None
        assert file.true_peak_dbtp <= -1
    assert [clip.pan for clip in production.clips] == [-0.8, 0.0, 0.8]
    assert read_report(out) == production


def test_what_was_done_is_said_in_every_language(made: tuple[Path, Production, list[Told]]) -> None:
    _, production, _ = made
    said = words(production, "Ada")
    assert said.startswith("placed by the guide's bleed")
    assert "certain" in said
    assert " dB up" in said or " dB down" in said
    assert words(production, "Ada", "it").startswith("collocata grazie alla guida")
    assert "{" not in said + words(production, "Ada", "it")


def test_the_report_opens_by_itself(made: tuple[Path, Production, list[Told]]) -> None:
    out, production, _ = made
    write_page(out, production, "en")
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "Chloë 合唱" in page
    assert page.count("<svg") >= 4
    assert all("<title" in picture for picture in page.split("<svg")[1:])
    assert "/static/" not in page
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")


def test_progress_only_grows_and_ends_at_the_end(made: tuple[Path, Production, list[Told]]) -> None:
    _, production, told = made
    shares = [each.share for each in told]
    assert shares == sorted(shares)
    assert (shares[-1], told[-1].seconds_left, told[-1].clips_done) == (1.0, 0.0, 3)
    for clip in production.clips:
        steps = [each.step for each in told if each.clip == clip.key and each.state == "done"]
        assert steps == ["decode", "align", "clean", "measure"]
    assert all(each.seconds_left > 0 for each in told if each.step != "files")


def test_doing_it_again_does_nothing_and_one_more_clip_costs_only_itself(
    choir: Path, made: tuple[Path, Production, list[Told]], tmp_path: Path
) -> None:
    clips, out = clips_of(choir), begun(made, tmp_path / "out")
    produce_clips(clips[:2], choir / "guide.flac", out)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    told: list[Told] = []
    produce_clips(clips[:2], choir / "guide.flac", out, on_told=told.append)
    assert not [each for each in told if each.state == "done" and each.step != "files"]
    after = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    assert {path for path in after if before.get(path) != after[path]} <= {out / "report.json", out / ".mix.lock"}
    told.clear()
    produce_clips(clips, choir / "guide.flac", out, on_told=told.append)
    assert {each.clip for each in told if each.state == "done" and each.clip} == {clips[2].key}


def test_a_run_that_is_killed_at_every_step_goes_on_and_ends_in_the_same_bytes(
    choir: Path, made: tuple[Path, Production, list[Told]], tmp_path: Path
) -> None:
    ada, guide, out = clips_of(choir)[:1], choir / "guide.flac", tmp_path / "killed"
    finished: list[str] = []
    for step in ("decode", "align", "clean", "measure", "mix"):
        told = killed_after(ada[0], guide, out, step)
        done = [line["step"] for line in told if line["state"] == "done"]
        assert not set(finished) & set(done), "what was finished before is not done again"
        finished += done
    assert finished, "what a worker finished while its run was being killed is told by nobody, and kept all the same"
    told_last: list[Told] = []
    produce_clips(ada, guide, out, on_told=told_last.append)
    assert [each.step for each in told_last if each.state == "done"] == ["files"]
    assert len(finished) == len(set(finished))
    assert no_hands()
    never = begun(made, tmp_path / "never")
    produce_clips(ada, guide, never)
    for name in ("mix.wav", "mix.flac", "mix.opus", "mix.m4a", "stems/Ada.flac", "stems/Ada.wav"):
        assert (out / name).read_bytes() == (never / name).read_bytes(), name
    assert not list(out.rglob("*.part"))


def killed_after(clip: Clip, guide: Path, out: Path, step: str) -> list[dict[str, str]]:
    """Run the command and kill it, without a word, as soon as it says that a `step` is over; what it told."""
    command = [
        sys.executable,
        "-m",
        "unisono",
        "produce",
        clip.path,
        "--json",
        "--guide",
        str(guide),
        "--out",
        str(out),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=worker_environment()) as process:
        assert process.stdout is not None
        told: list[dict[str, str]] = []
        for line in process.stdout:
            told.append(json.loads(line))
            if told[-1].get("step") == step and told[-1]["state"] in ("done", "kept"):
                process.send_signal(signal.SIGKILL)
                break
        process.wait()
    return told


def no_hands() -> bool:
    """Whether every worker of a killed run has seen that nobody waits for it any more."""
    for _ in range(100):
        if not list(hands()):
            return True
        time.sleep(0.05)
    return False


def hands() -> Iterator[int]:
    """Worker processes that nobody started them any more owns."""
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            status = (line.parent / "stat").read_text().rpartition(")")[2].split()
            if b"unisono.studio.hand" in line.read_bytes() and status[1] == "1" and status[0] != "Z":
                yield int(line.parent.name)


def test_cancelling_leaves_nothing_half_written_and_what_is_finished_is_kept(choir: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    told: list[Told] = []
    with pytest.raises(Cancelled):
        produce_clips(
            clips_of(choir),
            choir / "guide.flac",
            out,
            on_told=told.append,
            cancelled=lambda: any(each.step == "align" and each.state == "done" for each in told),
        )
    assert not list(out.rglob("*.part"))
    assert read_report(out) is None
    told.clear()
    produce_clips(clips_of(choir), choir / "guide.flac", out, on_told=told.append)
    assert [each for each in told if each.state == "kept"]


def test_a_run_that_is_cancelled_in_the_middle_of_decoding_leaves_no_half_of_the_sound(
    choir: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    half = out / "work" / "of-a-run-before.take" / "sound.wav.part"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"RIFF")
    with pytest.raises(Cancelled):
        produce_clips(clips_of(choir), choir / "guide.flac", out, cancelled=lambda: True)
    assert not list(out.rglob("*.part"))


def test_control_c_is_told_in_one_line_and_ends_everything(choir: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "unisono", "produce", *[clip.path for clip in clips_of(choir)]]
    process = subprocess.Popen(
        [*command, "--guide", str(choir / "guide.flac"), "--out", str(tmp_path / "out"), "--language", "en"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=worker_environment(),
    )
    while not list((tmp_path / "out").glob("work/*.take")):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=20)
    assert process.returncode == 130
    assert said.strip().splitlines()[-1].startswith("Stopped.")
    assert "Traceback" not in said
    assert not list((tmp_path / "out").rglob("*.part"))


def test_a_broken_clip_a_silent_one_and_one_that_is_not_there_hold_up_nobody(
    choir: Path, made: tuple[Path, Production, list[Told]], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"\0\0\0\x18ftypmp42" + bytes(500))
    silent = write_clip(tmp_path / "silent.wav", np.zeros(SAMPLE_RATE, dtype=np.float32))
    ada = clips_of(choir)[0]
    again = shutil.copy(ada.path, tmp_path / "again.m4a")
    more = [Clip(key=path.stem, path=str(path)) for path in (broken, silent, tmp_path / "gone.m4a", Path(again))]
    production = produce_clips([ada, *more], choir / "guide.flac", begun(made, tmp_path / "out"))
    states = {clip.key: clip.state for clip in production.clips}
    assert states == {"Ada": "mixed", "broken": "broken", "silent": "silent", "gone": "broken", "again": "same"}
    assert words(production, "broken").startswith("this is no recording that can be read")
    assert words(production, "again") == "the same recording as Ada; it is mixed once"
    assert "cannot be opened" in words(production, "gone")
    assert production.lufs == pytest.approx(-16, abs=0.5)


def test_a_clip_in_which_a_worker_dies_or_gets_stuck_is_left_out(
    choir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The faults are planted in the workers themselves: one ends without a word, one never ends."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, time\n"
        "from unisono.studio import clip\n"
        "def align(self, sound, ask=clip._Analysis._aligned):\n"
        "    if self._clip.key == 'Ada': os._exit(3)\n"
        "    if self._clip.key == 'Bruno': time.sleep(600)\n"
        "    return ask(self, sound)\n"
        "clip._Analysis._aligned = align\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    settings = ProduceSettings(quiet_seconds_max=4.0, hands=2)
    production = produce_clips(clips_of(choir), choir / "guide.flac", tmp_path / "out", settings=settings)
    assert {clip.key: clip.problem or clip.state for clip in production.clips} == {
        "Ada": "ended",
        "Bruno": "stuck",
        "Chloë 合唱": "mixed",
    }


def test_what_is_not_certain_is_not_mixed_until_a_person_says_where_it_stands(
    choir: Path, made: tuple[Path, Production, list[Told]], tmp_path: Path
) -> None:
    alone = write_clip(tmp_path / "alone.wav", voice(9, 5 * SAMPLE_RATE))
    clips = [*clips_of(choir)[:1], Clip(key="alone", path=str(alone), name="Zoë")]
    out = begun(made, tmp_path / "out")
    production = produce_clips(clips, choir / "guide.flac", out)
    assert [clip.state for clip in production.clips] == ["mixed", "unsure"]
    assert "please place it by hand; it is not in the mix" in words(production, "alone")
    write_page(out, production, "en")
    assert "Please place by hand" in (out / "report.html").read_text(encoding="utf-8")
    assert {path.stem for path in (out / "stems").iterdir()} == {"Ada"}

    placed = Clip(key="alone", path=str(alone), name="Zoë", place_samples=1.5 * SAMPLE_RATE)
    told: list[Told] = []
    production = produce_clips([clips[0], placed], choir / "guide.flac", out, on_told=told.append)
    assert [clip.state for clip in production.clips] == ["mixed", "mixed"]
    report = production.clips[1].report
    assert report is not None
    assert (report.alignment.method, report.alignment.offset_samples) == ("person", 72_000)
    assert words(production, "alone").startswith("placed by hand")
    assert {each.step for each in told if each.clip == "alone" and each.state == "done"} == {"clean", "measure"}
    outside = Clip(key="alone", path=str(alone), place_samples=1e7)
    production = produce_clips([clips[0], outside], choir / "guide.flac", begun(made, tmp_path / "outside"))
    assert [clip.state for clip in production.clips] == ["mixed", "silent"]
    assert "nothing of it falls into the song" in words(production, "alone")
    stem = files.read_back(out / "stems/Zoë.flac")[:, 0]
    assert np.max(np.abs(stem[: 72_000 - 100])) < 1e-3


def test_two_people_of_one_name_have_a_stem_each(
    choir: Path, made: tuple[Path, Production, list[Told]], tmp_path: Path
) -> None:
    clips = [Clip(key=clip.key, path=clip.path, name="Ada/../x") for clip in clips_of(choir)]
    production = produce_clips(clips, choir / "guide.flac", begun(made, tmp_path / "out"))
    stems = [clip.files[0].name for clip in production.clips]
    assert stems == ["stems/Ada_.._x.wav", "stems/Ada_.._x (2).wav", "stems/Ada_.._x (3).wav"]
    assert all((tmp_path / "out" / stem).is_file() for stem in stems)


def test_a_full_disk_is_told_and_originals_stay(choir: Path, tmp_path: Path) -> None:
    before = {clip.path: Path(clip.path).read_bytes() for clip in clips_of(choir)}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, hard))
    try:
        with pytest.raises(DiskTrouble):
            produce_clips(clips_of(choir), choir / "guide.flac", tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert not list((tmp_path / "out").rglob("*.part"))
    assert {clip.path: Path(clip.path).read_bytes() for clip in clips_of(choir)} == before


def test_the_example_in_the_docs_mixes(choir: Path, made: tuple[Path, Production, list[Told]], tmp_path: Path) -> None:
    example = tmp_path / "example.py"
    page = (Path(__file__).parents[2] / "docs/studio.md").read_text(encoding="utf-8")
    example.write_text(page.partition("```python\n")[2].partition("```")[0], encoding="utf-8")
    out = begun(made, tmp_path / "out")
    command = [sys.executable, str(example), str(choir / "guide.flac"), str(out), *[c.path for c in clips_of(choir)]]
    said = subprocess.run(command, check=True, capture_output=True, text=True, env=worker_environment()).stdout
    assert "Ada mixed placed by the guide's bleed" in said
    assert (out / "report.html").is_file()
    assert (out / "mix.opus").is_file()


def test_every_option_of_the_command_is_in_the_docs() -> None:
    page = (Path(__file__).parents[2] / "docs/studio.md").read_text(encoding="utf-8")
    options = {option for parameter in produce.params for option in parameter.opts if option.startswith("--")}
    assert {option for option in options if option not in page} == set()


def test_no_guide_is_told_with_what_there_is(tmp_path: Path, choir: Path) -> None:
    for guide in ("no-such-piece", str(tmp_path)):
        with pytest.raises(GuideNotFound):
            produce_clips(clips_of(choir), guide, tmp_path / "out")


def test_the_guide_lies_under_the_voices_only_when_wanted(
    choir: Path, made: tuple[Path, Production, list[Told]], tmp_path: Path
) -> None:
    mixes = []
    for keep in (False, True):
        out = begun(made, tmp_path / str(keep))
        produce_clips(clips_of(choir), choir / "guide.flac", out, settings=ProduceSettings(keep_guide=keep))
        mixes.append(files.read_back(out / "mix.flac").mean(axis=1)[: len(backing())])
    guide = backing()[: len(mixes[0])]
    heard = [abs(float(np.dot(mix, guide) / np.linalg.norm(mix) / np.linalg.norm(guide))) for mix in mixes]
    assert heard[1] > 1.5 * heard[0], heard
