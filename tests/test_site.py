"""The site of `make docs`: built without a warning, whole, and in need of no network, also when opened as a file."""

import ast
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[1]
CONF = runpy.run_path(str(ROOT / "docs" / "conf.py"))
BUILD = "-m sphinx -q -W --keep-going -c docs . "
# What a script or style sheet fetches by itself; the name of SVG's elements is no address.
FETCHED = re.compile(
    r"""(?:["'`]|url\(["']?|@import\s+["']?)((?:https?:)?//(?!www\.w3\.org/2000/svg)[\w.-]+\.\w+[^"'`)\s]*)"""
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built by the words of `make docs`."""
    assert f"@python {BUILD}site\n" in (ROOT / "Makefile").read_text()
    folder = tmp_path_factory.mktemp("built") / "site"
    done = subprocess.run([sys.executable, *BUILD.split(), str(folder)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return folder


class Page(HTMLParser):
    """What a built page links to, embeds, and can be linked to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.embedded: list[str] = []
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name == "id" and value:
                self.names.add(value)
            if name in ("href", "src", "srcset", "action", "data") and value:
                (self.links if tag == "a" else self.embedded).append(value)


def pages(folder: Path) -> dict[Path, Page]:
    """All pages of a site."""
    return {path: Page(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.html"))}


def is_elsewhere(address: str) -> bool:
    """Whether an address names a host or a scheme of its own."""
    return re.match(r"(?:[a-z]+:)?//|(?!data:)[a-z]+:", address) is not None


def broken(found: dict[Path, Page]) -> Iterator[str]:
    """Links inside a site to files or places that are not there, or that only a server would find."""
    for path, page in found.items():
        for link in [*page.links, *page.embedded]:
            name, _, anchor = link.partition("#")
            target = (path.parent / unquote(name.partition("?")[0])).resolve() if name else path
            if link.startswith("data:") or is_elsewhere(link):
                continue
            if not target.is_file() or (anchor and target in found and unquote(anchor) not in found[target].names):
                yield f"{path.name}: {link}"


def from_elsewhere(folder: Path) -> Iterator[str]:
    """What pages, scripts and style sheets of a site fetch from another host."""
    for path, page in pages(folder).items():
        yield from (f"{path.name}: {address}" for address in page.embedded if is_elsewhere(address))
    for path in sorted([*folder.rglob("*.css"), *folder.rglob("*.js"), *folder.rglob("*.svg")]):
        yield from (f"{path.name}: {address}" for address in FETCHED.findall(path.read_text(encoding="utf-8")))


def in_no_list(names: list[str]) -> list[str]:
    """One line for each page, named as from docs/, that no list of NAV has."""
    listed = {f"{page}.md" for page_list in CONF["NAV"].values() for page in page_list}
    return [f"docs/{name} is in no list of NAV in docs/conf.py: add it" for name in names if name not in listed]


def test_every_page_is_in_a_list() -> None:
    written = [path.relative_to(ROOT / "docs").as_posix() for path in sorted((ROOT / "docs").rglob("*.md"))]
    assert len(written) > 25
    assert not in_no_list(written)


def test_a_page_that_is_in_no_list_is_one_line() -> None:
    assert in_no_list(["usage.md", "new.md"]) == ["docs/new.md is in no list of NAV in docs/conf.py: add it"]


def test_every_page_is_built_and_every_link_leads_somewhere(site: Path) -> None:
    found = pages(site)
    for names in CONF["NAV"].values():
        assert all((site / "docs" / f"{name}.html").resolve() in found for name in names)
    assert (site / "index.html") in found
    assert sum(len(page.links) for page in found.values()) > 1000
    assert not list(broken(found))


def test_nothing_is_fetched_from_another_host(site: Path) -> None:
    assert len([*site.rglob("*.js"), *site.rglob("*.css")]) > 5
    assert not list(from_elsewhere(site))


PLANTED = {
    "a link to no page": ('<a href="gone.html">', "page.html: gone.html"),
    "a link to no place": ('<a href="#gone">', "page.html: #gone"),
    "a picture that is not there": ('<img src="gone.png">', "page.html: gone.png"),
    "a folder, which only a server finds": ('<a href="./">', "page.html: ./"),
    "a path from a server's root": ('<a href="/page.html">', "page.html: /page.html"),
}


@pytest.mark.parametrize(("html", "told"), PLANTED.values(), ids=PLANTED)
def test_a_link_that_leads_nowhere_is_found(html: str, told: str, tmp_path: Path) -> None:
    good = '<p id="here"><a href="page.html#here"><a href="https://example.org/gone"><img src="data:image/png;base64,">'
    (tmp_path / "page.html").write_text(good)
    assert not list(broken(pages(tmp_path)))
    (tmp_path / "page.html").write_text(good + html)
    assert list(broken(pages(tmp_path))) == [told]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.html", '<script src="https://example.org/a.js"></script>'),
        ("a.html", '<link rel="stylesheet" href="//example.org/a.css">'),
        ("a.html", '<img srcset="https://example.org/a.png">'),
        ("a.css", "@import 'https://example.org/a.css';"),
        ("a.css", "p { background: url(//example.org/a.png) }"),
        ("a.js", 'import("https://example.org/a.js")'),
        ("a.svg", '<image href="https://example.org/a.png"/>'),
    ],
)
def test_what_comes_from_another_host_is_found(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "good.html").write_text('<a href="https://example.org">x</a><img src="a.png">')
    (tmp_path / "good.js").write_text('// https://example.org\ncreate("http://www.w3.org/2000/svg")')
    assert not list(from_elsewhere(tmp_path))
    (tmp_path / name).write_text(text)
    (told,) = from_elsewhere(tmp_path)
    assert told.startswith(f"{name}: ")


@pytest.mark.parametrize("room", CONF["API"])
def test_every_public_name_of_a_room_stands_in_its_page(room: str, site: Path) -> None:
    """Functions and classes of each module; of the library what it exports."""
    folder = ROOT / "src" / "selfrefine" / room
    if room == "library":
        tree = ast.parse((folder / "__init__.py").read_text())
        (exported,) = [node.value for node in tree.body if isinstance(node, ast.Assign)]
        names = {f"selfrefine.library.{name}" for name in ast.literal_eval(exported)}
    else:
        names = {
            f"selfrefine.{room}.{path.stem}.{node.name}"
            for path in folder.glob("[!_]*.py")
            for node in ast.parse(path.read_text()).body
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
        }
    assert len(names) >= 5
    assert not names - pages(site)[site / "docs" / "api" / f"{room}.html"].names


def test_formulas_are_drawn_without_a_script_and_none_is_left_as_latex(site: Path) -> None:
    text = (site / "docs" / "method.html").read_text(encoding="utf-8")
    assert text.count("<math") > 100
    assert not [formula for formula in re.findall(r"<math.*?</math>", text, re.DOTALL) if "\\" in formula]
