"""Songs as the page shows them: words, who hears whom, trouble on the way, and what was sung."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Playwright, expect

from tests.browser import courtyard
from tests.browser.page_alone import HOST, visitor

pytestmark = pytest.mark.browser


LIT = """() => {
  window.lit = [];
  new MutationObserver(() => {
    const word = document.querySelector(".line.current .lit")?.textContent;
    if (word && window.lit.at(-1) !== word) window.lit.push(word);
  }).observe(document.querySelector("#words"), {subtree: true, childList: true, attributes: true});
}"""


def test_words_move_with_what_is_heard(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        courtyard.step_out(page, base_url + HOST, "Anna")
        courtyard.sound_check(page)
        courtyard.pick_piece(page, tempo_bpm=120)
        page.evaluate(LIT)
        courtyard.start_song(page)
        expect(page.locator("#count-in")).to_have_text(re.compile("[1-4]"))
        expect(page.locator(".line.current")).to_contain_text("wir betreten feuertrunken,", timeout=30_000)
        expect(page.locator(".line.next")).to_have_text("Himmlische, dein Heiligtum!")
        assert page.evaluate("window.lit")[:6] == ["Freude,", "schöner", "Götterfunken,", "Tochter", "aus", "Elysium,"]


def test_whoever_leads_first_has_a_song_to_start_but_nobodys_choice_is_changed(
    base_url: str, playwright: Playwright
) -> None:
    with visitor(playwright) as page:
        courtyard.step_out(page, base_url + HOST, "Anna")
        courtyard.sound_check(page)
        expect(page.locator("#song-now")).to_have_text("Next: Ode an die Freude. Anna leads.")
        courtyard.pick_piece(page, None)
        page.evaluate("unisono.room.apply({type: 'leader', seat: 1})")
        page.evaluate("unisono.room.apply({type: 'leader', seat: unisono.room.me})")
        expect(page.locator("#song-now")).to_have_text("Next: Free singing. Anna leads.")
        picks = page.evaluate("unisono.engine.sent.filter(one => one.type === 'pick').map(one => one.piece)")
        assert picks == ["ode-to-joy", None]


def test_who_leads_sees_whom_they_hear_and_who_hears_them(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        courtyard.step_out(page, base_url + HOST, "Anna")
        courtyard.sound_check(page)
        courtyard.open_panel(page, "Sound")
        for place in ("#panel-sound", "#stage"):
            said = page.locator(place)
            expect(said.get_by_text("You lead and hear nobody else")).to_be_visible(timeout=10_000)
            expect(said.get_by_text(re.compile("You are heard by: .*Giulia"))).to_be_visible()
            if place == "#panel-sound":
                courtyard.start_song(page)


def test_who_follows_sees_whom_they_hear_and_who_hears_them(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright, pretend={"role": "performer", "leader": 1}) as page:
        courtyard.step_out(page, base_url + HOST, "Anna")
        courtyard.sound_check(page)
        courtyard.open_panel(page, "Sound")
        expect(page.locator("#you-hear")).to_contain_text("You hear: Giulia")
        expect(page.locator("#heard-by")).to_be_visible()


TROUBLE = "code => unisono.engine.dispatchEvent(new CustomEvent('trouble', {detail: {code, text: ''}}))"


def test_sound_that_stumbled_asks_for_a_new_check_but_not_while_one_sings(
    base_url: str, playwright: Playwright
) -> None:
    with visitor(playwright) as page:
        courtyard.step_out(page, base_url + HOST, "Anna")
        courtyard.sound_check(page)
        asked = page.get_by_role("group", name=re.compile("Your sound stumbled"))
        page.evaluate(TROUBLE, "jump")
        asked.get_by_role("button", name="Not now").click()
        expect(asked).to_be_hidden()
        courtyard.pick_piece(page)
        courtyard.start_song(page)
        page.evaluate(TROUBLE, "jump")
        page.wait_for_timeout(300)
        expect(asked).to_be_hidden()
        courtyard.stop_song(page)
        asked.get_by_role("button", name="Sound check").click()
        expect(page.get_by_role("dialog", name="Sound check")).to_be_visible()
        courtyard.sound_check(page)
        expect(asked).to_be_hidden()


def test_a_lost_microphone_is_said_at_once(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        courtyard.step_out(page, base_url + HOST, "Anna")
        courtyard.sound_check(page)
        courtyard.start_song(page)
        page.evaluate(TROUBLE, "microphone_lost")
        lost = page.get_by_role("group", name=re.compile("Your microphone is gone"))
        expect(lost.get_by_role("button", name="Sound check")).to_be_visible()


def test_figures_for_the_curious_are_there_when_asked_for(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        courtyard.step_out(page, base_url + HOST, "Anna")
        courtyard.sound_check(page)
        page.get_by_role("button", name="More").click()
        row = page.get_by_role("row", name="Round trip of your sound 75.0 ms")
        expect(row).to_be_hidden()
        page.get_by_text("For the curious").click()
        expect(row).to_be_visible()
        for stage in ("Waiting for the sound card 8.0–20.0 ms", "Waiting at the server for all voices 0.5 ms"):
            expect(page.get_by_role("row", name=stage)).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog", name="More")).to_be_hidden()


def test_each_voice_can_be_heard_alone_from_its_balcony(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        courtyard.open_performance(page, f"{base_url}/performance#sung")
        page.get_by_role("button", name="Hear Marta alone").click()
        expect(page.get_by_text("Marta alone", exact=True)).to_be_visible()
        assert "stems/2" in page.locator("audio").evaluate("audio => audio.src")
        page.get_by_role("button", name="Everybody together").click()
        assert "mix." in page.locator("audio").evaluate("audio => audio.src")
        expect(page.get_by_text("There are gaps in this voice.")).to_be_visible()


def test_a_song_is_listed_as_soon_as_its_page_is_there(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        page.route("**/api/performances", lambda route: route.fulfill(json=[]))
        courtyard.step_out(page, base_url + HOST, "Anna")
        courtyard.sound_check(page, "listen")
        courtyard.open_panel(page, "Song")
        expect(page.get_by_text("Nothing yet.")).to_be_visible()
        page.unroute("**/api/performances")
        courtyard.start_song(page)
        courtyard.stop_song(page)
        courtyard.wait_done(page)
        courtyard.open_panel(page, "Song")
        expect(page.get_by_role("link", name="Ode an die Freude")).to_be_visible()


def test_files_are_named_by_song_and_singer_and_the_page_can_be_passed_on(
    base_url: str, playwright: Playwright
) -> None:
    with visitor(playwright) as page:
        page.add_init_script("Object.defineProperty(navigator, 'share', {value: undefined})")
        courtyard.open_performance(page, f"{base_url}/performance#sung")
        mix = page.get_by_role("link", name=re.compile("^Download Ode an die Freude as WAV"))
        assert mix.get_attribute("download") == "Ode an die Freude.wav"
        stem = page.get_by_role("link", name=re.compile("^Download Wei as FLAC"))
        assert stem.get_attribute("download") == "Ode an die Freude - Wei.flac"
        expect(page.get_by_role("button", name="Share this page")).to_be_hidden()
        page.evaluate("() => { navigator.clipboard.writeText = async text => { window.copied = text; }; }")
        page.get_by_role("button", name="Copy the link to this page").click()
        expect(page.get_by_text("Copied.")).to_be_visible()
        assert page.evaluate("window.copied") == f"{base_url}/performance#sung"


def test_the_host_deletes_a_performance_after_a_question(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        courtyard.step_out(page, base_url + HOST, "Anna")
        courtyard.sound_check(page, "listen")
        courtyard.open_panel(page, "Song")
        sung = page.get_by_role("link", name="Ode an die Freude")
        delete = page.get_by_role("button", name=re.compile("^Delete Ode an die Freude, "))
        page.once("dialog", lambda question: question.dismiss())
        delete.click()
        expect(sung).to_be_visible()
        page.once("dialog", lambda question: question.accept())
        delete.click()
        expect(sung).to_be_hidden()
        expect(page.get_by_text("Nothing yet.")).to_be_visible()
        sent = page.evaluate("unisono.engine.sent.filter(one => one.type === 'discard')")
        assert sent == [{"type": "discard", "performance": "p"}]


def test_only_the_host_may_delete(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright, pretend={"role": "performer"}) as page:
        courtyard.step_out(page, base_url + HOST, "Anna")
        courtyard.sound_check(page, "listen")
        courtyard.open_panel(page, "Song")
        expect(page.get_by_role("link", name="Ode an die Freude")).to_be_visible()
        expect(page.get_by_role("button", name=re.compile("^Delete"))).to_have_count(0)
