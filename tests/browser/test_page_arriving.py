"""Coming to a courtyard: refusals, languages, links, lost connections; without a room behind the page."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Playwright, expect

from tests.browser import courtyard
from tests.browser.page_alone import HOST, visitor

pytestmark = pytest.mark.browser


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


def test_taps_are_counted_and_one_too_many_does_nothing(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        courtyard.step_out(page, base_url + HOST, "Anna")
        courtyard.open_microphone(page)
        page.get_by_role("button", name="Continue").click()
        page.get_by_role("button", name="Tap along instead").click()
        for taps in range(1, 17):
            page.keyboard.press("Space")
            expect(page.locator("#tap-count")).to_have_text(f"{taps} of 16")
            expect(page.locator("#tap-dots .tapped")).to_have_count(taps)
        page.keyboard.press("Space")
        expect(page.get_by_text("That worked.")).to_be_visible()
        expect(page.get_by_role("dialog", name="Sound check")).to_be_visible()
        page.get_by_role("button", name="Tap once more").click()
        expect(page.locator("#tap-count")).to_have_text("0 of 16")


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


def test_a_typed_flag_is_taken_though_it_was_not_picked(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        page.goto(base_url + HOST)
        page.get_by_label("Your name").fill("Anna")
        page.get_by_role("combobox", name="Your flag").fill("germ")
        expect(page.get_by_role("option", name="Germany")).to_be_visible()
        page.get_by_role("button", name="Step onto the balcony").click()
        expect(page.get_by_role("dialog", name="Sound check")).to_be_visible()
        who = page.evaluate("unisono.engine.sent.find(one => one.type === 'who')")
        assert who["flag"] == {"country": "de"}


def test_what_is_no_flag_is_said_and_kept_until_it_is_one(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        page.goto(base_url + HOST)
        page.get_by_label("Your name").fill("Anna")
        flag = page.get_by_role("combobox", name="Your flag")
        flag.fill("atlantis")
        page.get_by_label("Your name").focus()
        problem = page.get_by_role("alert").filter(has_text="which flag atlantis is")
        expect(problem).to_be_visible()
        page.get_by_role("button", name="Step onto the balcony").click()
        expect(problem).to_be_visible()
        expect(flag).to_be_focused()
        assert page.evaluate("unisono.engine.sent") == []
        flag.fill("niger")
        page.get_by_label("Your name").focus()
        expect(flag).to_have_value("Niger")
        expect(problem).to_be_hidden()


def test_a_dead_link_tells_the_host_of_the_recovery_code_and_what_it_does(
    base_url: str, playwright: Playwright
) -> None:
    with visitor(playwright, pretend={"closing": 4401}) as page:
        page.goto(base_url + HOST)
        page.get_by_role("link", name="I have a recovery code").click()
        expect(page.get_by_label("Recovery code")).to_be_focused()
        button = page.get_by_role("button", name="Get my links back")
        expect(button).to_have_accessible_description(re.compile("The old one stops working"))


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


def test_links_and_code_are_still_there_after_a_reload_and_gone_where_another_courtyard_is_opened(
    playwright: Playwright, base_url: str
) -> None:
    with visitor(playwright) as page:
        code = courtyard.open_courtyard(page, base_url, "Via Roma").recovery
        page.reload()
        expect(page.locator("#code")).to_have_text(code)
        page.get_by_role("link", name="Go in").click()
        page.go_back()
        expect(page.locator("#code")).to_have_text(code)
        page.goto(f"{base_url}/?again")
        expect(page.get_by_role("button", name="Open a courtyard")).to_be_visible()


def test_a_link_that_is_not_valid_is_said_kindly(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright, pretend={"closing": 4401}) as page:
        page.goto(base_url + HOST)
        told = page.get_by_role("dialog", name="This courtyard is not to be found")
        expect(told).to_contain_text("ask for a new one")


def test_the_host_can_replace_a_link(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        courtyard.step_out(page, base_url + HOST, "Anna")
        courtyard.sound_check(page, "listen")
        page.get_by_role("button", name="Invite").click()
        page.on("dialog", lambda question: question.accept())
        page.get_by_role("button", name="Replace the link: For those who sing").click()
        expect(page.get_by_label("For those who sing", exact=True)).to_have_value(re.compile("#fresh-token"))


@pytest.mark.parametrize("size", [(1280, 800), (360, 640)])
def test_that_a_link_is_copied_is_said_where_one_looks(
    base_url: str, playwright: Playwright, size: tuple[int, int]
) -> None:
    with visitor(playwright, size=size) as page:
        courtyard.step_out(page, base_url + HOST, "Anna")
        courtyard.sound_check(page, "listen")
        page.get_by_role("button", name="Invite").click()
        for whom in ("For those who sing", "For those who listen", "For yourself, the host"):
            copy = page.get_by_role("button", name=f"Copy the link: {whom}")
            copy.click()
            said = page.locator(".link").filter(has=copy).get_by_text("Copied.")
            expect(said).to_be_in_viewport(ratio=1)
        page.get_by_role("button", name="QR code: For those who sing").click()
        expect(page.get_by_role("img", name="QR code: For those who sing")).to_be_in_viewport(ratio=1)


def test_flags_are_credited(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        for address in ("/", "/performance#sung"):
            page.goto(base_url + address)
            footer = page.get_by_role("contentinfo")
            expect(footer.get_by_role("link", name="OpenMoji")).to_be_visible()
            expect(footer.get_by_role("link", name="CC BY-SA 4.0")).to_be_visible()
