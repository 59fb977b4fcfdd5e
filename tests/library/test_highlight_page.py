"""The page of maps in a real browser, from the disk: sorted, filtered, enlarged, compared, in light and dark."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from selfrefine import library
from selfrefine.library.highlighting import outputs, page
from selfrefine.library.highlighting.shortcuts import Shortcut
from selfrefine.metrics.intervals import Estimate
from tests.support import browser, two_folders
from tests.support.browser import Page

COUNT, EMBEDDED = 300, 50
HOSTILE = {3: "</script><script>document.title='owned'</script>.png", 4: "b & <i>c</i>.png", 5: "ü \" '.png"}
PARTS = ("train", "test", "unused")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output of 300 images, of which the page holds 50."""
    made = tmp_path_factory.mktemp("page") / "out"
    for kind in ("images", "overlays"):
        (made / kind).mkdir(parents=True)
    p = np.linspace(0.999, 0.001, COUNT)
    files = [HOSTILE.get(number, f"image{(number * 7) % COUNT}.png") for number in range(COUNT)]
    parts = [PARTS[number % 3] for number in range(COUNT)]
    table = pd.DataFrame({"file": files, "p_fake": p, "logit": np.log(p / (1 - p)), "part": parts})
    names = [outputs.pictures.file_name(rank, name) for rank, name in enumerate(files, 1)]
    images = two_folders.scenes(COUNT, 32, 0)
    small = [(outputs.pictures.small(image), outputs.pictures.small(image[::-1])) for image in images[:EMBEDDED]]
    for name, image in zip(names, images, strict=True):
        outputs.pictures.write(made / "images" / f"{name}.jpg", image)
        outputs.pictures.write(made / "overlays" / f"{name}.png", image[::-1])
    checks = [Shortcut("size", Estimate(0.9, 0.8, 1.0), "sizes alone tell"), Shortcut("colour", Estimate(0.5), "")]
    found = library.Highlighted(
        made,
        True,
        {"roc_auc": Estimate(0.9, 0.8, 1.0)},
        checks,
        ["some", "they can be told apart: index.html shows where"],
    )
    (made / "index.html").write_text(page.render(found, page.cards(table, names, small)), encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def opened(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser.opened((folder / "index.html").as_uri(), tmp_path_factory.mktemp("browser") / "profile") as found:
        yield found


@pytest.fixture
def view(opened: Page) -> Page:
    """The page as it is when it is opened."""
    opened.run("document.querySelector('dialog').close?.()")
    settings = {"sort": "high", "from": "0", "to": "1", "part": "", "name": ""}
    for name, value in settings.items():
        put(opened, name, value)
    return opened


def put(view: Page, name: str, value: str) -> None:
    """What typing or choosing does."""
    view.run(
        f"(it => {{ it.value = {value!r}; it.dispatchEvent(new Event('input')); }})(document.getElementById('{name}'))"
    )


def scores(view: Page) -> list[float]:
    return [float(score) for score in view.run("[...document.querySelectorAll('.card')].map(it => it.dataset.score)")]


def files(view: Page) -> list[str]:
    return list(view.run("[...document.querySelectorAll('.card')].map(it => it.dataset.file)"))


def click(view: Page, selector: str) -> None:
    view.run(f"document.querySelector({selector!r}).click()")


LOADED = """new Promise(done => { const look = () => { const all = [...document.querySelectorAll('%s')];
  if (all.length && all.every(it => it.complete)) done(all.map(it => it.naturalWidth)); else setTimeout(look, 20); };
  look(); })"""


def widths(view: Page, selector: str) -> list[int]:
    """Pixels of the pictures that are shown, when all of them are loaded: 0 of one that cannot be."""
    return list(view.run(LOADED % selector))


def test_it_shows_verdict_warnings_and_the_first_images_without_a_fault(view: Page):
    assert view.run("document.getElementById('verdict').textContent") == "they can be told apart."
    assert "Sizes alone tell" in view.run("document.querySelector('.warning').textContent")
    assert len(files(view)) == 120
    assert view.run("document.getElementById('count').textContent") == "120 of 300 shown, 300 in all"
    assert view.run("document.title") == "Flaws in generated images"
    assert [files(view)[place] for place in HOSTILE] == list(HOSTILE.values())
    assert not view.faults


@pytest.mark.parametrize(("order", "sign"), [("high", -1), ("low", 1)])
def test_it_sorts_by_score(view: Page, order: str, sign: int):
    put(view, "sort", order)
    found = scores(view)
    assert found == sorted(found, key=lambda score: sign * score)
    assert found[0] == pytest.approx(0.999 if order == "high" else 0.001)


def test_it_sorts_by_name_as_people_count(view: Page):
    put(view, "sort", "name")
    named = [name for name in files(view) if name.startswith("image")]
    assert named == sorted(named, key=lambda name: int(name.removeprefix("image").removesuffix(".png")))


@pytest.mark.parametrize(
    ("settings", "fits"),
    [
        ({"from": "0.9"}, lambda score, name: score >= 0.9),
        ({"to": "0.05"}, lambda score, name: score <= 0.05),
        ({"from": "0.4", "to": "0.6"}, lambda score, name: 0.4 <= score <= 0.6),
        ({"name": "IMAGE12"}, lambda score, name: "image12" in name),
        ({"from": "0.8", "name": "image1"}, lambda score, name: score >= 0.8 and "image1" in name),
        ({"from": "2"}, lambda score, name: False),
    ],
)
def test_it_filters(view: Page, settings: dict[str, str], fits: Any):
    every = everything(view)
    for name, value in settings.items():
        put(view, name, value)
    expected = {name for score, name in every if fits(score, name)}
    assert {*files(view)} == expected
    assert f"of {len(expected)} shown" in view.run("document.getElementById('count').textContent")


def everything(view: Page) -> list[tuple[float, str]]:
    """All images, by the button that shows more."""
    while not view.run("document.getElementById('more').hidden"):
        click(view, "#more")
    found = list(zip(scores(view), files(view), strict=True))
    assert len(found) == COUNT
    return found


def test_it_filters_by_part(view: Page):
    put(view, "part", "test")
    assert view.run("document.getElementById('count').textContent").startswith("100 of 100 shown")


def test_small_pictures_are_in_it_and_others_beside_it(view: Page):
    everything(view)
    view.run("document.querySelectorAll('.card img').forEach(it => it.loading = 'eager')")
    assert widths(view, ".card img") == [32] * COUNT
    sources = view.run("[...document.querySelectorAll('.card img')].map(it => it.getAttribute('src').slice(0, 9))")
    assert sources == ["data:imag"] * EMBEDDED + ["overlays/"] * (COUNT - EMBEDDED)
    click(view, "#maps")
    assert view.run("document.querySelectorAll('.card img')[60].getAttribute('src')").startswith("images/")
    click(view, "#maps")
    assert not view.faults


def test_an_image_is_enlarged_beside_its_map_and_goes_to_its_neighbours(view: Page):
    click(view, ".card button")
    assert view.run("document.getElementById('zoom').open")
    assert widths(view, "#views img") == [32, 32]
    before = view.run("document.querySelector('#views img').getBoundingClientRect().width")
    for _ in range(2):
        click(view, "#in")
    assert view.run("document.querySelector('#views img').getBoundingClientRect().width") == pytest.approx(
        2 * before, 0.01
    )
    click(view, "#dialogmaps")
    assert len(widths(view, "#views img")) == 1
    click(view, "#dialogmaps")
    click(view, "#next")
    assert files(view)[1] in view.run("document.querySelector('#views figcaption').textContent")
    click(view, "#close")
    assert not view.run("document.getElementById('zoom').open")


def test_picked_images_stand_side_by_side(view: Page):
    view.run("[...document.querySelectorAll('.card input')].slice(0, 3).forEach(it => it.click())")
    assert view.run("document.getElementById('compare').textContent") == "Compare (3)"
    click(view, "#compare")
    assert len(widths(view, "#views img")) == 3
    boxes = view.run("[...document.querySelectorAll('#views figure')].map(it => it.getBoundingClientRect().left)")
    assert boxes == sorted({*boxes})
    with_map = view.run("document.querySelector('#views img').getAttribute('src')")
    click(view, "#dialogmaps")
    assert with_map.startswith("overlays/")
    assert view.run("document.querySelector('#views img').getAttribute('src')").startswith("images/")
    click(view, "#dialogmaps")
    click(view, "#close")
    view.run("[...document.querySelectorAll('.card input')].slice(0, 3).forEach(it => it.click())")
    assert view.run("document.getElementById('compare').disabled")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_legible_in_light_and_dark(view: Page, scheme: str):
    view.media(prefers_color_scheme=scheme)
    ink, paper = (
        sum(int(level) for level in view.run(f"getComputedStyle(document.body).{name}.match(/\\d+/g)")[:3])
        for name in ("color", "backgroundColor")
    )
    assert (ink < 150 and paper > 700) if scheme == "light" else (ink > 600 and paper < 150)


def test_alone_it_shows_its_small_pictures_still(folder: Path, tmp_path: Path):
    shutil.copy(folder / "index.html", tmp_path / "mailed.html")
    with browser.opened((tmp_path / "mailed.html").as_uri(), tmp_path / "profile") as found:
        click(found, ".card button")
        view_widths = found.run(
            "new Promise(done => setTimeout(() => done([...document.querySelectorAll('#views img')]"
            ".map(it => it.naturalWidth)), 500))"
        )
        assert view_widths == [32, 32]
        found.run("document.querySelectorAll('.card img').forEach(it => it.loading = 'eager')")
        assert sum(width > 0 for width in widths(found, ".card img")) == EMBEDDED
