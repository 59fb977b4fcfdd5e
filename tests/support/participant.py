"""A participant of a study in a real browser: Chromium or Chrome, driven by Playwright."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Error, Page, Playwright

from tests.support import browser

PATIENCE = 20000  # milliseconds


def launched(playwright: Playwright) -> Browser:
    """The browser that is installed: Playwright's own is never downloaded.

    Raises:
        FileNotFoundError: none is installed.
    """
    options = [option for option in browser.OPTIONS if "headless" not in option]
    return playwright.chromium.launch(executable_path=browser.program(), args=options)


@contextmanager
def opened(program: Browser, address: str, **options: Any) -> Iterator[Page]:
    """A page of a new participant; at the end none of its scripts may have failed.

    Args:
        program: the browser.
        address: of the page.
        options: of the participant's window.
    """
    with program.new_context(**options) as context:
        page, faults = context.new_page(), []
        context.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(address)
        yield page
        assert not faults


def check(page: Page, *, accessible: bool = False) -> None:
    """What holds on every screen: nothing is wider than the window, and every control can be hit.

    Args:
        page: the screen.
        accessible: whether axe-core looks at it, too.
    """
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    sides = "[...document.querySelectorAll('button')].flatMap((button) => [button.offsetWidth, button.offsetHeight])"
    assert min(page.evaluate(sides), default=24) >= 24  # WCAG 2.5.8
    if accessible:
        found = Axe().run(page)
        assert not found.response["violations"], found.generate_report()


def heading(page: Page, text: str) -> None:
    """Waits for the screen with this heading; where none comes, the error says what is shown."""
    try:
        page.get_by_role("heading", level=1, name=text, exact=True).wait_for()
    except Error as error:
        error.add_note(f"shown: {page.locator('body').inner_text()}")
        raise


def screen(page: Page) -> str:
    """Waits for a screen that asks something, and returns its heading."""
    page.locator("#agree, #continue, #send, .code, #download, .grid button:enabled >> nth=0").first.wait_for()
    return str(page.locator("h1").first.text_content())


def shown_image(page: Page) -> str:
    """The id of the trial whose image is shown."""
    return str(page.locator("img.plain").get_attribute("src")).removeprefix("images/").removesuffix(".png")


def pick(page: Page, cells: list[int], tap: bool = False) -> None:
    """Picks cells by pointer and confirms."""
    for cell in cells:
        button = page.locator(".grid button").nth(cell)
        button.tap() if tap else button.click()
    confirm = page.locator("#confirm")
    confirm.tap() if tap else confirm.click()


def pick_by_keys(page: Page, cells: list[int], grid: int) -> None:
    """Picks cells by keyboard, from the first cell, and confirms."""
    row = column = 0
    for cell in cells:
        for key, steps in (
            ("ArrowDown", cell // grid - row),
            ("ArrowUp", row - cell // grid),
            ("ArrowRight", cell % grid - column),
            ("ArrowLeft", column - cell % grid),
        ):
            for _ in range(steps):
                page.keyboard.press(key)
        row, column = divmod(cell, grid)
        page.keyboard.press("Space")
    page.keyboard.press("Enter")


def pick_at_once(page: Page, cells: list[int]) -> None:
    """Picks cells and confirms as a program that reads pages aloud does: by clicks without a pointer."""
    clicks = """(cells) => {
        const buttons = document.querySelectorAll(".grid button");
        for (const cell of cells) buttons[cell].click();
        document.getElementById("confirm").click();
    }"""
    page.evaluate(clicks, cells)


def practise(page: Page, cells: list[int]) -> None:
    """Goes from the consent to the first image."""
    page.locator("#agree").click()
    for number in (1, 2):
        heading(page, f"Practice {number} of 2")
        page.locator(".grid button").last.wait_for()
        pick_at_once(page, cells)
        page.locator("#continue").click()
        page.locator("#continue").wait_for(state="detached")  # it stays until the browser has noted the practice


def finish(page: Page, cells: list[int], until: str = "", end: bool = True) -> None:
    """Judges images, up to the one with this heading, else to the comment or the end."""
    while (text := screen(page)).startswith("Image ") and text != until:
        pick_at_once(page, cells)
        page.wait_for_function("text => document.querySelector('h1')?.textContent !== text", arg=text)
    if end and text == "Anything to add?":
        page.locator("#skip").click()
