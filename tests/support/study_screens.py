"""The pictures of docs/study.md: each screen of a study in the browser of the tests, as small PNG files.

python -m tests.support.study_screens STUDY docs/study
"""

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from selfrefine.study import folder
from tests.support import participant
from tests.support.participant import finish, heading, opened, pick, screen
from tests.support.study_server import Killable

DESKTOP, PHONE = {"width": 900, "height": 640}, {"width": 400, "height": 640}
COLOURS = 128  # of a picture: grey images, black text, blue and yellow


def save(page: Page, path: Path) -> None:
    """Writes the page from its top to its last line, with few colours."""
    page.evaluate("scrollTo(0, 0)")
    size = page.evaluate("({width: innerWidth, height: Math.ceil(document.body.getBoundingClientRect().height)})")
    shown = page.screenshot(full_page=True, clip={"x": 0, "y": 0, **size})
    picture = Image.open(io.BytesIO(shown)).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def main(study: Path, out: Path) -> None:
    """Writes a picture of each screen.

    Args:
        study: folder of a study with two practice images.
        out: folder of the pictures.
    """
    out.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp())
    flaw = folder.read_public(study)["practice"][0]["flaw"]
    last = len(folder.read_public(study)["trials"])
    server = Killable(study, made / "answers", made / "log")
    address = f"http://127.0.0.1:{server.port}/"
    with sync_playwright() as playwright, participant.launched(playwright) as program:
        with opened(program, address, viewport={"width": 280, "height": 300}) as page:
            heading(page, "The window is too narrow")
            save(page, out / "check.png")
        with opened(program, address, viewport=DESKTOP) as page:
            page.locator("#agree").wait_for()
            save(page, out / "consent.png")
            page.locator("#agree").click()
            heading(page, "Practice 1 of 2")
            save(page, out / "practice.png")
            pick(page, [*flaw, *(cell for cell in (0, 5, 10) if cell not in flaw)][:3])
            save(page, out / "feedback.png")
            page.locator("#continue").click()
            pick(page, [5, 6, 9])
            page.locator("#continue").click()
            heading(page, f"Image 1 of {last}")
            for cell in (5, 6, 9):
                page.locator(".grid button").nth(cell).click()
            page.keyboard.press("ArrowRight")  # shows where the keys are
            save(page, out / "trial.png")
            page.set_viewport_size(PHONE)
            save(page, out / "trial_narrow.png")
            page.set_viewport_size(DESKTOP)
            page.locator("#confirm").click()
            heading(page, f"Image 2 of {last}")
            server.kill()
            pick(page, [5, 6, 9])
            page.wait_for_function("document.getElementById('connection').textContent")
            save(page, out / "lost_connection.png")
            server = Killable(study, made / "answers", made / "log", server.port)
            finish(page, [5, 6, 9], end=False)
            assert screen(page) == "Anything to add?"
            save(page, out / "comment.png")
            page.locator("#skip").click()
            page.locator(".code").wait_for()
            save(page, out / "end.png")
    server.kill()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
