"""What people do on the page, without a room behind it: keyboard, phone, refusals, languages, lost connections."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Playwright, expect

from tests.browser import courtyard
from tests.browser.page_alone import PageAlone, visitor

pytestmark = pytest.mark.browser

HOST = "/courtyard#host-token-0123456789"
PHONE = (360, 640)
FOCUSED = "() => document.activeElement?.labels?.[0]?.innerText ?? document.activeElement?.innerText"


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with PageAlone() as url:
        yield url


def press_until(page: Page, name: str, key: str = "Tab", most: int = 60) -> None:
    """Walks by keyboard until the control of this name has the focus."""
    for _ in range(most):
        page.keyboard.press(key)
        if page.evaluate(FOCUSED) == name:
            return
    raise AssertionError(f"no {key} led to {name!r}")


def sideways_px(page: Page) -> int:
    """How far the page can be scrolled sideways."""
    return int(page.evaluate("() => document.documentElement.scrollWidth - innerWidth"))


def test_a_singer_gets_to_singing_by_keyboard_alone(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        page.goto(base_url + HOST)
        expect(page.get_by_label("Your name")).to_be_focused()
        page.keyboard.type("Anna")
        press_until(page, "Your flag")
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type("ital")
        page.keyboard.press("Enter")
        expect(page.get_by_role("combobox", name="Your flag")).to_have_value("Italy")
        press_until(page, "Step onto the balcony")
        page.keyboard.press("Enter")

        expect(page.get_by_role("heading", name="How do you hear us?")).to_be_visible()
        page.keyboard.press("ArrowDown")
        expect(page.get_by_role("radio", name="Bluetooth headphones")).to_be_checked()
        page.keyboard.press("ArrowUp")
        press_until(page, "Open the microphone")
        page.keyboard.press("Enter")
        expect(page.get_by_text("We hear you")).to_be_visible()
        press_until(page, "Continue")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Measure", exact=True)).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Done").locator("visible=true")).to_be_focused()
        page.keyboard.press("Enter")

        press_until(page, "Start")
        page.keyboard.press("Enter")
        courtyard.wait_recording(page)
        press_until(page, "Stop", key="Shift+Tab")
        page.keyboard.press("Enter")
        assert "/performance#" in courtyard.wait_done(page)


def test_escape_closes_a_panel_and_gives_the_focus_back(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright, size=(900, 800)) as page:
        courtyard.step_out(page, base_url + HOST, "Anna")
        courtyard.sound_check(page, "listen")
        tab = page.get_by_role("button", name="Who is here")
        tab.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Who is here")).to_be_visible()
        press_until(page, "Close", key="Shift+Tab")
        page.keyboard.press("Escape")
        expect(page.get_by_role("heading", name="Who is here")).to_be_hidden()
        expect(tab).to_be_focused()


def test_the_space_bar_talks_while_it_is_held_and_still_types_spaces(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        courtyard.step_out(page, base_url + HOST, "Anna")
        courtyard.sound_check(page)
        page.evaluate("document.activeElement.blur()")
        page.keyboard.down("Space")
        expect(page.get_by_role("button", name="You are talking")).to_be_visible()
        page.wait_for_timeout(400)
        page.keyboard.up("Space")
        expect(page.get_by_role("button", name="Hold to talk")).to_be_visible()
        sent = page.evaluate("unisono.engine.sent.filter(one => one.type === 'talk').map(one => one.on)")
        assert sent == [True, False]
        courtyard.write(page, "ciao a tutti")
        assert page.evaluate("unisono.engine.sent.filter(one => one.type === 'talk').length") == 2


@pytest.mark.parametrize("size", [PHONE, (390, 844)])
def test_nothing_scrolls_sideways_on_a_phone(base_url: str, playwright: Playwright, size: tuple[int, int]) -> None:
    with visitor(playwright, size=size, pretend={"neighbours": 40}) as page:
        courtyard.open_courtyard(page, base_url, "Our courtyard")
        assert sideways_px(page) <= 0
        courtyard.step_out(page, base_url + HOST, "Anna")
        assert sideways_px(page) <= 0
        courtyard.sound_check(page)
        assert sideways_px(page) <= 0
        for name in courtyard.PANELS:
            courtyard.open_panel(page, name)
            assert sideways_px(page) <= 0
        courtyard.pick_piece(page)
        courtyard.start_song(page)
        expect(page.get_by_role("heading", name="Song")).to_be_hidden()
        expect(page.get_by_role("button", name="Stop", exact=True)).to_be_in_viewport(ratio=1)
        assert sideways_px(page) <= 0
        courtyard.open_performance(page, f"{base_url}/performance#sung")
        assert sideways_px(page) <= 0


def test_at_double_size_everything_can_still_be_reached(base_url: str, playwright: Playwright) -> None:
    """200 % zoom of a 1280 x 800 screen is a page of 640 x 400."""
    with visitor(playwright, size=(640, 400)) as page:
        courtyard.step_out(page, base_url + HOST, "Anna", "Italy")
        courtyard.sound_check(page)
        courtyard.pick_piece(page)
        courtyard.start_song(page)
        courtyard.stop_song(page)
        courtyard.wait_done(page)


@pytest.mark.parametrize(
    ("refusal", "words"), [("denied", "allow the microphone"), ("missing", "Plug one in"), ("busy", "Another program")]
)
def test_a_refused_microphone_is_explained_and_leaves_listening(
    base_url: str, playwright: Playwright, refusal: str, words: str
) -> None:
    with visitor(playwright, pretend={"microphone": refusal}) as page:
        courtyard.step_out(page, base_url + HOST, "Anna")
        page.get_by_role("button", name="Open the microphone").click()
        expect(page.get_by_role("alert").filter(has_text=words)).to_be_visible()
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_role("alert").filter(has_text=words)).to_be_visible()
        courtyard.sound_check(page, "listen")
        expect(page.get_by_text("You hear everything.", exact=False).first).to_be_visible()
        checks = page.evaluate("unisono.engine.sent.filter(one => one.type === 'check')")
        assert [one["method"] for one in checks] == ["none"]


def test_a_refused_measurement_says_why_and_can_be_repeated(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright, pretend={"measure": ["too_quiet", "noisy", "accepted"]}) as page:
        courtyard.step_out(page, base_url + HOST, "Anna")
        courtyard.open_microphone(page)
        page.get_by_role("button", name="Continue").click()
        page.get_by_role("button", name="Measure", exact=True).click()
        expect(page.get_by_text("Turn it up")).to_be_visible()
        expect(page.get_by_role("button", name="Done").locator("visible=true")).to_have_count(0)
        page.get_by_role("button", name="Measure again").click()
        expect(page.get_by_text("too noisy")).to_be_visible()
        page.get_by_role("button", name="Measure again").click()
        expect(page.get_by_text("That worked")).to_be_visible()
        page.get_by_role("button", name="Done").locator("visible=true").click()
        check = page.evaluate("unisono.engine.sent.find(one => one.type === 'check')")
        assert (check["method"], check["output"], check["round_trip_samples"]) == ("acoustic", "headphones", 3600)


def test_tapping_along_is_the_other_way(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        courtyard.step_out(page, base_url + HOST, "Anna")
        courtyard.sound_check(page, "tap", "bluetooth")
        check = page.evaluate("unisono.engine.sent.find(one => one.type === 'check')")
        assert (check["method"], check["output"]) == ("tapped", "bluetooth")


def test_a_listener_presses_one_button(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright, pretend={"role": "listener"}) as page:
        courtyard.listen(page, f"{base_url}/courtyard#listeners")
        assert page.evaluate("unisono.engine.earOpen")
        expect(page.get_by_role("button", name="Hold to talk")).to_be_hidden()
        expect(page.get_by_role("button", name="Start", exact=True)).to_be_hidden()
        courtyard.open_panel(page, "Sound")
        expect(page.get_by_role("complementary", name="Panels").get_by_text("You hear everybody.")).to_be_visible()


def test_over_plain_http_a_listener_gets_a_plain_stream_and_is_told_why(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright, pretend={"plain": True}) as page:
        page.goto(base_url + HOST)
        expect(page.get_by_text("a link that begins with https")).to_be_visible()
        page.get_by_role("button", name="Listen", exact=True).click()
        expect(page.locator("#plain-stream")).to_have_js_property("paused", value=False)


def test_the_page_speaks_italian_to_italians(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright, locale="it-IT") as page:
        page.goto(base_url)
        expect(page.get_by_role("button", name="Apri un cortile")).to_be_visible()
        page.goto(base_url + HOST)
        expect(page.get_by_role("combobox", name="La tua bandiera")).to_have_value("Italia")
        page.get_by_label("Il tuo nome").fill("Anna")
        page.get_by_role("button", name="Esci sul balcone").click()
        page.get_by_role("button", name="Ascolto soltanto").locator("visible=true").click()
        expect(page.get_by_text("14 persone ascoltano").first).to_be_visible()
        page.get_by_role("button", name="Altro").click()
        page.get_by_label("Lingua").select_option("en")
        expect(page.get_by_role("button", name="Step onto the balcony")).to_be_visible()


def test_a_lost_connection_is_told_and_forgotten_when_it_is_back(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        courtyard.step_out(page, base_url + HOST, "Anna")
        courtyard.sound_check(page, "listen")
        emit = "state => unisono.engine.dispatchEvent(new CustomEvent('connection', {detail: state}))"
        page.evaluate(emit, {"state": "lost"})
        banner = page.get_by_text("We are bringing you back")
        expect(banner).to_be_visible()
        page.evaluate(emit, {"state": "open"})
        expect(banner).to_be_hidden()
        page.evaluate(emit, {"state": "closed", "code": 4409})
        expect(page.get_by_role("dialog").filter(has_text="another tab")).to_be_visible()


def test_a_reload_comes_back_with_the_seats_secret_and_ones_look(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        courtyard.step_out(page, base_url + HOST, "Anna", "Poland", "Gdynia")
        page.reload()
        expect(page.get_by_label("Your name")).to_have_value("Anna")
        expect(page.get_by_role("combobox", name="Your flag")).to_have_value("Poland")
        hello = page.evaluate("unisono.engine.hello")
        assert (hello["key"], hello["name"], hello["place"]) == ("secret", "Anna", "Gdynia")
        assert "secret" not in page.url


def test_a_link_that_is_not_valid_is_said_kindly(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright, pretend={"closing": 4401}) as page:
        page.goto(base_url + HOST)
        told = page.get_by_role("dialog", name="This courtyard is not to be found")
        expect(told).to_contain_text("ask for a new one")


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


def test_the_host_can_replace_a_link(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        courtyard.step_out(page, base_url + HOST, "Anna")
        courtyard.sound_check(page, "listen")
        page.get_by_role("button", name="Invite").click()
        page.on("dialog", lambda question: question.accept())
        page.get_by_role("button", name="Replace the link: For those who sing").click()
        expect(page.get_by_label("For those who sing", exact=True)).to_have_value(re.compile("#fresh-token"))


def test_each_voice_can_be_heard_alone_from_its_balcony(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        courtyard.open_performance(page, f"{base_url}/performance#sung")
        page.get_by_role("button", name="Hear Marta alone").click()
        expect(page.get_by_text("Marta alone", exact=True)).to_be_visible()
        assert "stems/2" in page.locator("audio").evaluate("audio => audio.src")
        page.get_by_role("button", name="Everybody together").click()
        assert "mix." in page.locator("audio").evaluate("audio => audio.src")
        expect(page.get_by_text("There are gaps in this voice.")).to_be_visible()


TROUBLE = "code => unisono.engine.dispatchEvent(new CustomEvent('trouble', {detail: {code, text: ''}}))"


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


def test_figures_for_the_curious_are_there_when_asked_for(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        courtyard.step_out(page, base_url + HOST, "Anna")
        courtyard.sound_check(page)
        page.get_by_role("button", name="More").click()
        row = page.get_by_role("row", name="Round trip of your sound 75.0 ms")
        expect(row).to_be_hidden()
        page.get_by_text("For the curious").click()
        expect(row).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog", name="More")).to_be_hidden()


def test_words_stay_on_one_line_beside_an_open_panel(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        courtyard.step_out(page, base_url + HOST, "Anna")
        courtyard.sound_check(page)
        courtyard.pick_piece(page)
        courtyard.start_song(page)
        courtyard.open_panel(page, "Song")
        lines = "() => new Set([...document.querySelectorAll('.line.current span')].map(one => one.offsetTop)).size"
        expect(page.locator(".line.current")).to_contain_text("Götterfunken")
        assert page.evaluate(lines) == 1
        size_px = page.locator(".line.current").evaluate("line => parseFloat(getComputedStyle(line).fontSize)")
        assert size_px >= 40


def test_letting_go_of_the_space_bar_elsewhere_ends_the_talk(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        courtyard.step_out(page, base_url + HOST, "Anna")
        courtyard.sound_check(page)
        courtyard.open_panel(page, "Write")
        page.evaluate("document.activeElement.blur()")
        page.keyboard.down("Space")
        expect(page.get_by_role("button", name="You are talking")).to_be_visible()
        page.wait_for_timeout(400)
        page.get_by_label("Write to everybody").focus()
        page.keyboard.up("Space")
        expect(page.get_by_role("button", name="Hold to talk")).to_be_visible()


def test_flags_are_credited(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        for address in ("/", "/performance#sung"):
            page.goto(base_url + address)
            footer = page.get_by_role("contentinfo")
            expect(footer.get_by_role("link", name="OpenMoji")).to_be_visible()
            expect(footer.get_by_role("link", name="CC BY-SA 4.0")).to_be_visible()
