"""The page in a real browser: whole participants, by mouse, by keyboard, by touch, and through what can go wrong."""

import http.server
import json
import shutil
import threading
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from selfrefine.study import answers, importing
from tests.support import participant, tiny_study
from tests.support.participant import (
    check,
    finish,
    heading,
    opened,
    pick,
    pick_at_once,
    pick_by_keys,
    practise,
    shown_image,
)
from tests.support.study_server import Killable

CELLS = [6, 0, 9]


@pytest.fixture(scope="module")
def program():
    with sync_playwright() as playwright, participant.launched(playwright) as found:
        yield found


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("study")


@pytest.fixture(scope="module")
def known(place):
    return tiny_study.write(place / "study")


@pytest.fixture
def running(place, known, tmp_path):
    opened_server = Killable(place / "study", tmp_path / "answers", tmp_path / "log")
    yield opened_server
    opened_server.kill()
    assert not (tmp_path / "log").read_text(), "the page sent what was refused"


def address(running):
    return f"http://127.0.0.1:{running.port}/"


def of(folder):
    """What is kept of each participant: the kinds in their order, and the answers by trial."""
    return [
        ([record["kind"] for record in found], {r["trial"]: r for r in found if r["kind"] == "answer"})
        for _, found in answers.participants(folder)
    ]


def test_by_mouse_from_the_consent_to_the_code(program, running, known, tmp_path):
    with opened(program, address(running), viewport={"width": 1000, "height": 800}) as page:
        seen, picked = [], {}
        page.locator("#agree").wait_for()
        check(page, accessible=True)
        page.locator("#agree").click()
        for number in (1, 2):
            heading(page, f"Practice {number} of 2")
            check(page)
            pick(page, [5, 6, 10])
            text = page.locator("#task").text_content()
            assert (
                "row 2, column 2; row 2, column 3. You picked 2 of 2." if number == 1 else "You picked 1 of 1."
            ) in text
            check(page, accessible=number == 1)
            page.locator("#continue").click()
        for number in range(1, 6):
            heading(page, f"Image {number} of 5")
            seen.append(shown_image(page))
            picked[seen[-1]] = sorted([number, number + 5, number + 9])
            pick(page, [number, number + 5, number + 9, *([0] if number == 1 else [])])
        heading(page, "Anything to add?")
        check(page, accessible=True)
        page.locator("#text").fill("The sleeves \u2013 odd")
        page.locator("#send").click()
        code = page.locator(".code").text_content()
        check(page, accessible=True)
        page.reload()
        expect(page.locator(".code")).to_have_text(code)
    ((kinds, given),) = of(tmp_path / "answers")
    assert kinds == ["start", *["answer"] * 5, "comment", "end"]
    assert {trial: sorted(record["cells"]) for trial, record in given.items()} == picked
    assert [given[trial]["position"] for trial in seen] == [1, 2, 3, 4, 5]
    assert {record["input"] for record in given.values()} == {"mouse"}
    assert all(0 < record["milliseconds"] < 60000 for record in given.values())
    assert seen.index("t01") < seen.index("t05")
    ((_, found),) = answers.participants(tmp_path / "answers")
    assert (found[-2]["text"], found[-1]["code"]) == ("The sleeves \u2013 odd", code)


def test_by_keyboard_alone(program, running, tmp_path):
    """No mouse is there; the grid says what is pressed, and exactly three cells are needed."""
    with opened(program, address(running)) as page:
        page.locator("#agree").wait_for()
        page.keyboard.press("Tab")
        expect(page.locator("#agree")).to_be_focused()
        assert page.locator("#agree").evaluate("button => getComputedStyle(button).outlineWidth") == "3px"
        page.keyboard.press("Enter")
        for number in (1, 2):
            heading(page, f"Practice {number} of 2")
            pick_by_keys(page, CELLS, 4)
            expect(page.locator("#continue")).to_be_focused()
            page.keyboard.press("Enter")
        heading(page, "Image 1 of 5")
        pressed = page.locator(".grid button[aria-pressed=true]")
        page.keyboard.press("ArrowUp")  # at the edge already
        pick_by_keys(page, [0, 1], 4)
        expect(page.locator("#picked")).to_have_text("2 of 3 picked. Pick exactly 3 cells, then confirm.")
        page.keyboard.press("u")
        expect(pressed).to_have_count(1)
        for _ in range(2):
            page.keyboard.press("ArrowRight")
            page.keyboard.press("ArrowDown")
            page.keyboard.press("Space")
        expect(page.locator("#picked")).to_contain_text("3 of 3 picked.")
        page.keyboard.press("ArrowUp")
        page.keyboard.press("Space")
        expect(page.locator("#picked")).to_have_text("3 of 3 picked. Only 3 cells can be picked: undo one first.")
        check(page, accessible=True)
        for key in ("Tab", "Tab", "Enter"):  # Undo, Confirm
            page.keyboard.press(key)
        for number in range(2, 6):
            heading(page, f"Image {number} of 5")
            expect(page.locator(".grid button").first).to_be_focused()
            pick_by_keys(page, CELLS, 4)
        heading(page, "Anything to add?")
        for key in ("Tab", "Tab", "Tab", "Enter"):
            page.keyboard.press(key)
        page.locator(".code").wait_for()
    ((kinds, given),) = of(tmp_path / "answers")
    assert kinds == ["start", *["answer"] * 5, "end"]
    assert {record["input"] for record in given.values()} == {"keyboard"}
    by_position = {record["position"]: record["cells"] for record in given.values()}
    assert by_position == {1: [0, 6, 11]} | dict.fromkeys(range(2, 6), CELLS)


def test_who_reloads_and_loses_the_server_loses_nothing(program, place, known, tmp_path):
    folder, log = tmp_path / "answers", tmp_path / "log"
    first = Killable(place / "study", folder, log)
    with opened(program, address(first)) as page:
        practise(page, CELLS)
        finish(page, CELLS, until="Image 2 of 5")
        page.reload()
        heading(page, "Image 2 of 5")
        expect(page.locator("#notice")).to_have_text("You go on where you stopped.")
        number = page.locator("#number").text_content()
        first.kill()
        finish(page, CELLS, until="Image 4 of 5")
        expect(page.locator("#connection")).to_contain_text("No connection to the server at the moment")
        check(page, accessible=True)
        assert len(of(folder)[0][1]) == 1
        second = Killable(place / "study", folder, log, first.port)
        expect(page.locator("#connection")).to_be_empty(timeout=15000)
        assert len(of(folder)[0][1]) == 3
        second.kill()
        finish(page, CELLS, until="Image 5 of 5")
        page.goto("about:blank")  # the answer waits in the browser, whose tab is closed
        third = Killable(place / "study", folder, log, first.port)
        page.goto(address(first))
        heading(page, "Image 5 of 5")
        assert page.locator("#number").text_content() == number
        finish(page, CELLS)
        page.locator(".code").wait_for()
        third.kill()
    ((kinds, given),) = of(folder)
    assert kinds == ["start", *["answer"] * 5, "end"]
    assert given.keys() == known.trials
    assert not log.read_text()


def test_two_tabs_double_nothing_and_the_first_answer_stays(program, running, tmp_path):
    with opened(program, address(running)) as page:
        practise(page, CELLS)
        heading(page, "Image 1 of 5")
        other = page.context.new_page()
        other.goto(address(running))
        heading(other, "Image 1 of 5")
        trial = shown_image(other)
        assert trial == shown_image(page)
        pick_at_once(page, [1, 2, 3])
        heading(page, "Image 2 of 5")
        pick_at_once(other, [4, 5, 6])
        heading(other, "Image 2 of 5")
        expect(other.locator("#notice")).to_contain_text("already, in another tab")
        finish(other, CELLS, until="Image 5 of 5")
        pick_at_once(page, [1, 2, 3])  # of an image that the other tab has answered since
        heading(page, "Image 5 of 5")
        finish(page, CELLS)
        code = page.locator(".code").text_content()
        pick_at_once(other, [1, 2, 3])
        expect(other.locator(".code")).to_have_text(code)
    ((kinds, given),) = of(tmp_path / "answers")
    assert sorted(kinds) == [*["answer"] * 5, "end", "start"]
    assert given.pop(trial)["cells"] == [1, 2, 3]
    assert [record["cells"] for record in given.values()] == [CELLS] * 4


class Files(http.server.SimpleHTTPRequestHandler):
    """A host of files that takes no answers."""

    def log_message(self, *_):
        pass


@pytest.fixture
def host(place, known, tmp_path):
    shutil.copytree(place / "study/public", tmp_path / "host")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=tmp_path / "host")) as opened_host:
        threading.Thread(target=opened_host.serve_forever).start()
        yield f"http://127.0.0.1:{opened_host.server_port}/"
        opened_host.shutdown()


def test_by_touch_on_a_host_that_takes_no_answers(program, host, known, tmp_path):
    """On a screen of 400 pixels; the answers are downloaded at the end, sent, and imported."""
    phone = {"viewport": {"width": 400, "height": 700}, "has_touch": True, "is_mobile": True}
    with opened(program, host, **phone) as page:
        page.locator("#agree").tap()
        for number in (1, 2):
            heading(page, f"Practice {number} of 2")
            check(page)
            pick(page, CELLS, tap=True)
            check(page)
            page.locator("#continue").tap()
        for number in range(1, 6):
            heading(page, f"Image {number} of 5")
            check(page)
            pick(page, CELLS, tap=True)
        heading(page, "Anything to add?")
        check(page)
        page.locator("#skip").tap()
        heading(page, "One last step")
        check(page, accessible=True)
        with page.expect_download() as download:
            page.locator("#download").tap()
        page.locator(".code").wait_for()
        check(page)
        download.value.save_as(tmp_path / "sent.jsonl")
    assert importing.take(tmp_path / "answers", [tmp_path / "sent.jsonl"], known) == (1, 7)
    ((_, given),) = of(tmp_path / "answers")
    assert {record["input"] for record in given.values()} == {"touch"}


JATOS = """
const jatos = {
  onLoad: (ready) => setTimeout(ready),
  appendResultData: (text) => { localStorage.sent = (localStorage.sent ?? "") + text; return Promise.resolve(); },
  endStudyAjax: (well) => { localStorage.ended = well; return Promise.resolve(); },
};
"""


def test_in_jatos_answers_go_to_its_results(program, host, known, tmp_path):
    """With a stand-in for the three functions that its reference documents: JATOS itself is not installed here.

    In a window of 1,280 x 800 at a zoom of 200 %: half the pixels, each of two.
    """
    inside = tmp_path / "host" / "publix" / "one"
    inside.parent.mkdir()
    shutil.copytree(
        tmp_path / "host",
        inside,
        ignore=shutil.ignore_patterns("publix"),
    )
    (inside / "jatos.js").write_text(JATOS)
    zoomed = {"viewport": {"width": 640, "height": 400}, "device_scale_factor": 2}
    with opened(program, f"{host}publix/one/index.html", **zoomed) as page:
        practise(page, CELLS)
        heading(page, "Image 1 of 5")
        check(page)
        finish(page, CELLS)
        code = page.locator(".code").text_content()
        (tmp_path / "sent.txt").write_text(page.evaluate("localStorage.sent"))
        assert page.evaluate("localStorage.ended") == "true"
    assert importing.take(tmp_path / "answers", [tmp_path / "sent.txt"], known) == (1, 7)
    ((_, found),) = answers.participants(tmp_path / "answers")
    assert found[-1]["code"] == code


def test_who_does_not_take_part_leaves_nothing(program, running, tmp_path):
    with opened(program, address(running)) as page:
        page.locator("#decline").click()
        heading(page, "Thank you")
        check(page)
    assert not (tmp_path / "answers").exists()


def test_another_person_at_the_same_browser_is_another_participant(program, running, tmp_path):
    with opened(program, address(running)) as page:
        for again in ("", "?new"):
            page.goto(f"{address(running)}{again}")
            page.locator("#agree").click()
            heading(page, "Practice 1 of 2")
        page.reload()
        heading(page, "Practice 1 of 2")  # the second one's
        expect(page.locator("#connection")).to_be_empty()
    assert [kinds for kinds, _ in of(tmp_path / "answers")] == [["start"]] * 2


NOT_USABLE = {
    "a narrow window": ({"viewport": {"width": 280, "height": 700}}, "", "The window is too narrow"),
    "a browser that keeps nothing": ({}, "delete IDBFactory.prototype.open", "This browser keeps no data"),
}


@pytest.mark.parametrize("case", NOT_USABLE)
def test_a_browser_that_does_not_do_is_told_why(case, program, running):
    options, script, words = NOT_USABLE[case]
    with opened(program, "about:blank", **options) as page:
        page.add_init_script(script)
        page.goto(address(running))
        heading(page, words)


def test_an_answer_that_cannot_be_kept_is_said_and_asked_again(program, running, tmp_path):
    """As when the disk of the browser is full."""
    with opened(program, address(running)) as page:
        page.locator("#agree").wait_for()
        page.evaluate("void (IDBObjectStore.prototype.add = () => { throw new Error('full') })")
        page.locator("#agree").click()
        heading(page, "Something went wrong")
        page.reload()
        page.locator("#agree").click()
        heading(page, "Practice 1 of 2")
    assert [kinds for kinds, _ in of(tmp_path / "answers")] == [["start"]]


def test_a_study_that_is_not_all_there_says_what_is_missing(program, host, tmp_path):
    (tmp_path / "host/images/t03.png").unlink()
    with opened(program, host) as page:
        heading(page, "An image could not be loaded")
    (tmp_path / "host/trials.json").unlink()
    with opened(program, host) as page:
        heading(page, "The study could not be loaded")


def test_another_study_at_the_same_address_begins_anew(program, place, tmp_path):
    """Its answers are none of the first one's."""
    with opened(program, "about:blank") as page:
        port = 0
        for title in ("Garments", "Faces"):
            shutil.rmtree(tmp_path / "study", ignore_errors=True)
            tiny_study.write(tmp_path / "study", title=title)
            serving = Killable(tmp_path / "study", tmp_path / "answers", tmp_path / "log", port)
            port = serving.port
            page.goto(address(serving))
            page.get_by_role("heading", name=title).wait_for()
            page.locator("#agree").click()
            heading(page, "Practice 1 of 2")
            serving.kill()
    studies = [json.loads(path.read_text())["study"] for path in (tmp_path / "answers").iterdir()]
    assert len({*studies}) == 2
    assert not Path(tmp_path / "log").read_text()


def test_each_participant_has_an_order_of_their_own(program, tmp_path):
    """Which the participant's number decides, here given in the place of chance; without practice images."""
    tiny_study.write(tmp_path / "study", practice=())
    serving, orders = Killable(tmp_path / "study", tmp_path / "answers", tmp_path / "log"), []
    for number in (1, 1, 4):
        with opened(program, "about:blank") as page:
            page.add_init_script(f"crypto.getRandomValues = (array) => array.fill({number})")
            page.goto(address(serving))
            page.locator("#agree").click()
            orders.append([])
            for place in range(1, 4):  # the first block
                heading(page, f"Image {place} of 5")
                orders[-1].append(shown_image(page))
                pick_at_once(page, CELLS)
    serving.kill()
    assert orders[0] == orders[1] != orders[2]
    assert all({*order} == {"t01", "t02", "t04"} for order in orders)
