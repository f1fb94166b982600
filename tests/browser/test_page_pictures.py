"""Being seen in the film: off until one says yes, by keyboard, on a phone, in Italian; taken back afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, Playwright, expect

from tests.browser import courtyard
from tests.browser.page_alone import HOST, visitor

pytestmark = pytest.mark.browser

CAMERA = Path(__file__).with_name("flashing.js")
NO_CAMERA = "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('no', 'NotAllowedError'); }"
TRACKS = "() => document.querySelector('#self-view-video').srcObject?.getVideoTracks().map((track) => track.readyState)"


def agree_while_stepping_out(page: Page) -> None:
    page.get_by_label("Your name").fill("Anna")
    page.get_by_label("Show my picture in the film").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Step onto the balcony").click()
    courtyard.sound_check(page, "listen")


def test_nobody_is_filmed_who_did_not_say_so(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        page.add_init_script(path=CAMERA)
        page.goto(base_url + HOST)
        expect(page.get_by_label("Show my picture in the film")).not_to_be_checked()
        courtyard.step_out(page, base_url + HOST, "Anna")
        courtyard.sound_check(page, "listen")
        expect(page.get_by_label("What your camera sees")).to_be_hidden()
        assert page.evaluate("window.taken.length") == 0


@pytest.mark.parametrize("size", [(360, 740), (1280, 800)])
def test_whoever_agrees_sees_themselves_and_may_change_their_mind(
    base_url: str, playwright: Playwright, size: tuple[int, int]
) -> None:
    with visitor(playwright, size=size) as page:
        page.add_init_script(path=CAMERA)
        page.goto(base_url + HOST)
        agree_while_stepping_out(page)
        expect(page.get_by_label("What your camera sees")).to_be_visible()
        assert page.evaluate(TRACKS) == ["live"]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.get_by_role("button", name="More").click()
        page.get_by_text("My picture in films").click()
        expect(page.get_by_label("Show my picture in the next film")).to_be_checked()
        page.get_by_role("button", name="Take my picture out of").click()
        expect(page.get_by_text("Your picture is deleted")).to_be_visible()
        page.get_by_label("Show my picture in the next film").uncheck()
        expect(page.get_by_label("What your camera sees")).to_be_hidden()
        page.reload()
        expect(page.get_by_label("Show my picture in the film")).not_to_be_checked()


def test_a_camera_that_is_refused_leaves_flag_and_light(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright) as page:
        page.add_init_script(NO_CAMERA)
        page.goto(base_url + HOST)
        agree_while_stepping_out(page)
        expect(page.get_by_text("does not let us use the camera")).to_be_visible()
        expect(page.get_by_label("What your camera sees")).to_be_hidden()


def test_the_question_is_asked_in_italian(base_url: str, playwright: Playwright) -> None:
    with visitor(playwright, locale="it-IT") as page:
        page.goto(base_url + HOST)
        expect(page.get_by_label("Mostra la mia immagine nel film")).not_to_be_checked()
        expect(page.get_by_text("ti riprende mentre canti")).to_be_visible()
