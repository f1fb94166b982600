"""Clips on a performance's page, in a real browser against a real server: sent, placed, moved by ear, taken out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, Locator, Page, Playwright, Route, expect

from tests.browser import courtyard
from tests.browser.clip_stage import PageStage, page_stage
from tests.browser.page_alone import visitor
from tests.browser.test_page_names import complaints
from tests.browser.test_page_sizes import sideways_px
from tests.live.clips import report
from unisono.errors import TakeFailed

pytestmark = pytest.mark.browser

PHONE = (390, 844)
SMALL = (360, 740)
SLICE_BYTES = 4 * 2**20


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[PageStage]:
    with page_stage(tmp_path) as stage:
        yield stage


def open_page(page: Page, stage: PageStage, name: str = "Ola") -> None:
    courtyard.open_performance(page, stage.page)
    page.get_by_label("Your name").fill(name)


def choose(page: Page, *files: FilePayload) -> None:
    """What somebody picks after "Choose your clip"."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose your clip").click()
    chooser.value.set_files(list(files))


def take(page: Page, name: str) -> Locator:
    return page.locator("#takes > li").filter(has_text=name)


@pytest.mark.parametrize("size", [(1280, 800), PHONE])
def test_a_clip_is_sent_placed_and_heard_among_the_others(
    stage: PageStage, playwright: Playwright, size: tuple[int, int]
) -> None:
    with visitor(playwright, size=size) as page:
        stage.studio.held.add("Ola")
        open_page(page, stage)
        choose(page, stage.clip("ola.wav"))
        expect(page.get_by_text("ola.wav has arrived. Thank you!")).to_be_visible()
        row = take(page, "Ola")
        expect(row.get_by_text("Its place in the song is being found.")).to_be_visible()
        expect(row.get_by_role("progressbar")).to_have_attribute("value", "0.5")
        assert sideways_px(page) <= 0
        assert stage.originals[0].read_bytes() == stage.clip("")["buffer"]
        stage.studio.held.clear()
        expect(row.get_by_text("In the mix.")).to_be_visible()
        expect(page.locator("#takes-told")).to_have_text("Ola: In the mix.")
        expect(page.get_by_role("button", name="Hear Ola alone")).to_be_visible()
        expect(row.get_by_role("img", name="Waveforms before and after")).to_be_hidden()
        row.locator("summary").click()
        expect(row.get_by_text("placed by the bleed, certain")).to_be_visible()
        expect(row.get_by_role("img", name="Waveforms before and after")).to_be_visible()
        assert complaints(page) == []
        assert sideways_px(page) <= 0


def test_who_does_not_say_a_name_is_asked_and_what_is_no_clip_is_told(stage: PageStage, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        open_page(page, stage, "")
        page.get_by_role("button", name="Choose your clip").click()
        expect(page.get_by_text("Please say who you are.")).to_be_visible()
        expect(page.get_by_label("Your name")).to_be_focused()
        page.get_by_label("Your name").fill("Ola")
        text: FilePayload = {"name": "words.txt", "mimeType": "text/plain", "buffer": b"la la"}
        empty: FilePayload = {"name": "nothing.mp4", "mimeType": "video/mp4", "buffer": b""}
        choose(page, text, empty)
        expect(page.get_by_text("words.txt is neither sound nor film. nothing.mp4 is empty.")).to_be_visible()


def test_where_a_song_has_several_voices_one_is_chosen(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright, locale="it-IT") as page:
        page.goto(f"{base_url}/performance#sung")
        part = page.get_by_label("La tua parte")
        part.select_option(label="contralto")
        expect(part).to_have_value("alto")
        expect(page.locator("#takes > li").filter(has_text="Zofia").get_by_text("contralto")).to_be_visible()


def test_a_cut_line_costs_nothing(stage: PageStage, playwright: Playwright) -> None:
    with visitor(playwright, expected="net::ERR_FAILED") as page:
        cut = re.compile(r"/uploads/")
        page.route(cut, lambda route: route.abort() if route.request.method == "PATCH" else route.continue_())
        open_page(page, stage)
        clip = stage.clip("ola.wav")
        choose(page, clip)
        expect(page.get_by_text("The line is gone. It goes on by itself when it is back.")).to_be_visible()
        page.unroute(cut)
        page.evaluate("window.dispatchEvent(new Event('online'))")
        expect(page.get_by_text("ola.wav has arrived. Thank you!")).to_be_visible()
        assert [path.read_bytes() for path in stage.originals] == [clip["buffer"]]
        page.reload()
        page.get_by_label("Your name").fill("Ola")
        choose(page, clip)
        expect(page.get_by_text("ola.wav is here already.")).to_be_visible()
        assert len(stage.originals) == 1


def test_what_cannot_be_heard_is_said_and_names_that_run_the_other_way_turn_nothing(
    stage: PageStage, playwright: Playwright
) -> None:
    stage.studio.finds["\u05e0\u05d5\u05e2\u05d4"] = report(method="none", certain=False, marks=("silent",))
    with visitor(playwright, size=SMALL) as page:
        open_page(page, stage, "\u05e0\u05d5\u05e2\u05d4")
        choose(page, stage.clip("\u202eavlis.wav"))
        expect(page.get_by_text("\u2068avlis.wav\u2069 has arrived. Thank you!")).to_be_visible()
        row = take(page, "\u05e0\u05d5\u05e2\u05d4")
        expect(row.get_by_text("Nothing is heard in this clip. Perhaps the microphone was off")).to_be_visible()
        assert [one.inner_text() for one in row.get_by_role("button").all()] == ["Take my voice out again"]
        long = "W" * 38 + "\U0001f469\u200d\U0001f469\u200d\U0001f467"
        page.get_by_label("Your name").fill(long)
        choose(page, stage.clip("two.wav"))
        expect(take(page, "WWWW").get_by_text("In the mix.")).to_be_visible()
        assert sideways_px(page) <= 0


def test_after_a_reload_the_same_file_goes_on_where_it_stopped(stage: PageStage, playwright: Playwright) -> None:
    clip = stage.clip("ola.wav")
    clip["buffer"] += bytes(SLICE_BYTES)
    offsets: list[int] = []

    def cut(route: Route) -> None:
        offset = int(route.request.headers.get("upload-offset", "-1"))
        if route.request.method == "PATCH":
            offsets.append(offset)
        if offset > 0:
            route.abort()
        else:
            route.continue_()

    with visitor(playwright, expected="net::ERR_FAILED", size=SMALL) as page:
        page.on("dialog", lambda dialog: dialog.accept())
        page.route(re.compile(r"/uploads/"), cut)
        open_page(page, stage)
        choose(page, clip)
        expect(page.get_by_text("The line is gone. It goes on by itself when it is back.")).to_be_visible()
        page.unroute(re.compile(r"/uploads/"))
        page.reload()
        row = take(page, "Ola")
        expect(row.get_by_text("ola.wav has not arrived whole: 4.2")).to_be_visible()
        assert sideways_px(page) <= 0
        assert complaints(page) == []
        sent = offsets.copy()
        page.on("request", lambda one: offsets.append(int(one.headers.get("upload-offset", "-1"))))
        with page.expect_file_chooser() as chooser:
            row.get_by_role("button", name="Choose the file again: Ola").click()
        chooser.value.set_files([clip])
        expect(page.get_by_text("ola.wav has arrived. Thank you!")).to_be_visible()
        expect(row.get_by_text("In the mix.")).to_be_visible()
    assert sent[0] == 0
    assert max(offsets[len(sent) :]) == SLICE_BYTES, "what was there already is not sent again"
    assert [path.read_bytes() for path in stage.originals] == [clip["buffer"]]


def test_the_same_file_is_not_sent_twice_at_once(stage: PageStage, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        page.route(re.compile(r"/uploads/"), lambda route: None)
        open_page(page, stage)
        page.evaluate(DROP)
        page.evaluate(DROP)
        expect(page.get_by_text("dropped.m4a is being sent already.")).to_be_visible()
        expect(page.locator("#uploads > li")).to_have_count(1)
        other = page.context.new_page()
        open_page(other, stage)
        other.evaluate(DROP)
        expect(other.get_by_text("This file is on its way already, in another tab.")).to_be_visible()


def test_a_clip_is_placed_by_ear_with_the_keyboard(stage: PageStage, playwright: Playwright) -> None:
    stage.studio.finds["Ola"] = report(method="part", certain=False, offset_samples=48_000.0)
    with visitor(playwright) as page:
        open_page(page, stage)
        choose(page, stage.clip("ola.wav"))
        row = take(page, "Ola")
        expect(row.get_by_text("We are not certain where this clip belongs.")).to_be_visible()
        row.get_by_role("button", name="Show us where it belongs").press("Enter")
        slider = page.get_by_role("slider", name="The clip")
        expect(slider).to_be_focused()
        expect(slider).to_have_attribute("aria-valuetext", "where it was")
        for _ in range(3):
            page.keyboard.press("ArrowLeft")
        expect(slider).to_have_attribute("aria-valuetext", "3 hundredths of a second earlier")
        expect(page.get_by_text("begins 0.97 seconds after the song")).to_be_visible()
        page.keyboard.press("PageDown")
        expect(slider).to_have_attribute("aria-valuetext", "1.03 seconds earlier")
        page.keyboard.press("PageUp")
        page.keyboard.press("Space")
        expect(page.get_by_role("button", name="Pause")).to_be_visible()
        page.keyboard.press("Space")
        page.get_by_role("button", name="10 ms later").press("Enter")
        expect(slider).to_have_attribute("aria-valuetext", "2 hundredths of a second earlier")
        page.get_by_role("button", name="Look closer").press("Enter")
        page.get_by_role("button", name="Hear both").press("Enter")
        expect(page.get_by_role("button", name="Pause")).to_be_visible()
        assert complaints(page) == []
        page.get_by_role("button", name="This is right").press("Enter")
        expect(page.get_by_role("status").filter(has_text="Ola: begins 0.98 seconds after the song.")).to_be_visible()
        expect(row.get_by_text("In the mix.")).to_be_visible()
        expect(row.locator("summary")).to_have_text("How it was placed")
        assert stage.studio.mixes[-1]
        row.get_by_role("button", name="Place it by hand").click()
        expect(page.get_by_text("begins 0.98 seconds after the song", exact=True)).to_be_visible()
        expect(slider).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_be_hidden()
        row.get_by_role("button", name="Let the studio place it").click()
        expect(row.get_by_text("We are not certain where this clip belongs.")).to_be_visible()


def test_everything_for_placing_a_clip_is_in_view_on_a_phone(stage: PageStage, playwright: Playwright) -> None:
    with visitor(playwright, size=SMALL) as page:
        open_page(page, stage)
        choose(page, stage.clip("ola.wav"))
        take(page, "Ola").get_by_role("button", name="Place it by hand").click()
        right = page.get_by_role("button", name="This is right")
        expect(right).to_be_enabled()
        expect(right).to_be_in_viewport(ratio=1)
        assert page.evaluate(SMALL_TARGETS) == []
        expect(page.locator("#placing-view")).to_be_in_viewport(ratio=1)
        assert sideways_px(page) <= 0


def test_who_sang_takes_the_voice_out_again_and_others_cannot(stage: PageStage, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        open_page(page, stage)
        choose(page, stage.clip("ola.wav"))
        expect(page.get_by_role("button", name="Hear Ola alone")).to_be_visible()
        with visitor(playwright) as other:
            courtyard.open_performance(other, stage.page)
            expect(take(other, "Ola").get_by_text("In the mix.")).to_be_visible()
            expect(take(other, "Ola").get_by_role("button")).to_have_count(0)
        page.on("dialog", lambda dialog: dialog.accept())
        stage.studio.held.add("the mix")
        take(page, "Ola").get_by_role("button", name="Take my voice out again").click()
        expect(take(page, "Ola")).to_have_count(0)
        expect(page.get_by_text("Ola is not heard any more. The song is being made anew.")).to_be_visible()
        expect(page.get_by_text("The song is being made anew without it, and appears here by itself.")).to_be_visible()
        expect(page.get_by_role("button", name="Play", exact=True)).to_be_hidden()
        assert sideways_px(page) <= 0
        stage.studio.held.clear()
        expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
        expect(page.get_by_role("button", name="Hear Ola alone")).to_have_count(0)
        assert stage.originals == []


def test_why_a_clip_failed_is_said_and_it_is_tried_again(stage: PageStage, playwright: Playwright) -> None:
    stage.studio.finds["Ola"] = TakeFailed(why="take_failed", reason="")
    with visitor(playwright) as page:
        open_page(page, stage)
        choose(page, stage.clip("ola.wav"))
        row = take(page, "Ola")
        expect(row.get_by_text("The studio could not work on this clip.")).to_be_visible()
        stage.studio.finds.clear()
        row.get_by_role("button", name="Try again").click()
        expect(row.get_by_text("In the mix.")).to_be_visible()


def test_the_host_keeps_a_voice_out_and_mixes_again(stage: PageStage, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        stage.as_host(page)
        open_page(page, stage)
        choose(page, stage.clip("ola.wav"))
        expect(page.get_by_role("button", name="Hear Ola alone")).to_be_visible()
        fader = page.get_by_role("slider", name="Loudness of Ola")
        fader.focus()
        for _ in range(4):
            page.keyboard.press("ArrowRight")
        expect(fader).to_have_attribute("aria-valuetext", "+2 dB")
        page.get_by_role("button", name="Mix again").click()
        expect(page.get_by_role("status").filter(has_text="A new mix is being made.")).to_be_hidden()
        page.wait_for_timeout(300)
        [voice] = stage.studio.faders[-1].voices
        assert (voice.gain_db, voice.muted) == (2.0, False)
        assert complaints(page) == []


def test_several_at_once_and_by_dropping(stage: PageStage, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        open_page(page, stage)
        clip = stage.clip("one.wav")
        choose(page, clip, stage.clip("two.wav"), stage.clip("three.wav"))
        expect(page.locator("#takes > li")).to_have_count(3)
        page.evaluate(DROP)
        expect(page.locator("#takes > li")).to_have_count(4)


SMALL_TARGETS = """() => [...document.querySelectorAll("button, input:not([type=file], [type=checkbox]), summary")]
  .filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < 44).map((one) => one.outerHTML)"""


DROP = """() => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(2000)], 'dropped.m4a', {type: 'audio/mp4', lastModified: 1}));
  const event = new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true});
  document.getElementById('drop').dispatchEvent(event);
}"""
