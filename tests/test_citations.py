"""What is cited of docs/method.md and docs/design.md, sections and rows of a table, is there; links lead somewhere."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from selfrefine.params import check, strict_yaml

ROOT = Path(__file__).parents[1]
PAGES = {name: (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in ("method", "design")}
CITING = [ROOT / name for name in ("params.yaml", "README.md", "CONTRIBUTING.md", "Snakefile", "dvc.yaml", "Makefile")]
for _folder, _ends in {"src": "py", "tests": "py", "experiments": "yaml", "workflow": "*", "docs": "md"}.items():
    CITING += sorted(path for path in (ROOT / _folder).rglob(f"*.{_ends}") if path.is_file() and path != Path(__file__))
LINKING = [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "results/README.md"))]
LINKING += sorted((ROOT / "docs").glob("*.md"))
ROWS_OF = ("method", "6")  # the section whose table has numbered rows

# "method 5.6 and 11.3", "Methods 4, 5.7 and 11.1", "method.md 6, rows 31 and 33", "method 3, section 6 rows 6 to 8",
# "method 3 (the authors' maps) and 5.1", 'method 7, "Training loop"', "design, section 9"; remarks may stand between.
NUMBER = r"\d+(?:\.\d+)?(?![\d.]*\d)"
LIST = rf"{NUMBER}(?:(?:\s*\([^()]*\))?(?:,? and |, | to ){NUMBER})*"
CITATION = re.compile(
    rf"\b(?P<page>method|design)s?(?:\.md)?,? (?:sections? )?(?P<sections>{LIST})"
    rf'(?P<more>(?:,? (?:(?:sections? |rows? ){LIST}|"[^"]+"))*)',
    re.IGNORECASE,
)
OWN = re.compile(rf"§(?P<section>{NUMBER})(?:, rows? (?P<rows>{LIST}))?|\brows? (?P<plain>{LIST})")


class Cited(NamedTuple):
    """A part of a page; `what` is a row number, words in quotation marks, or "" for the section itself."""

    page: str
    section: str
    what: str = ""


def numbers(words: str) -> Iterator[str]:
    """The numbers of a list; "6 to 8" is 6, 7 and 8."""
    for part in re.split(r",? and |, ", re.sub(r"\([^()]*\)", "", words)):
        first, _, last = (end.strip() for end in part.partition(" to "))
        yield from map(str, range(int(first), int(last) + 1)) if last else (first,)


def citations(text: str) -> Iterator[Cited]:
    """All that a text cites, in order; line breaks, also those of comments, are spaces."""
    for found in CITATION.finditer(re.sub(r"\s*\n\s*#?\s*", " ", text)):
        page, sections = found["page"].lower(), list(numbers(found["sections"]))
        yield from (Cited(page, section) for section in sections)
        for part in re.finditer(rf'(sections?|rows?) ({LIST})|"([^"]+)"', found["more"]):
            if part[3]:
                yield Cited(page, sections[-1], part[3])
            elif part[1].startswith("section"):
                sections = list(numbers(part[2]))
                yield from (Cited(page, section) for section in sections)
            else:
                yield from (Cited(page, sections[-1], row) for row in numbers(part[2]))


def own_citations(page: str, text: str) -> Iterator[Cited]:
    """What a page cites of itself: "§5.4", "§6, row 28", "row 28"."""
    for found in OWN.finditer(" ".join(text.split())):
        if found["section"]:
            yield Cited(page, found["section"])
        yield from (Cited(*ROWS_OF, row) for row in numbers(found["rows"] or found["plain"] or "") if row)


def section(text: str, number: str) -> str | None:
    """A section of a page with those below it; None if there is none of this number."""
    heading = re.search(rf"^(#+) {re.escape(number)}\.? .*$", text, re.MULTILINE)
    if heading is None:
        return None
    below = text[heading.end() :]
    end = re.search(rf"^#{{1,{len(heading[1])}}} ", below, re.MULTILINE)
    return heading[0] + (below[: end.start()] if end else below)


def is_there(cited: Cited, pages: dict[str, str]) -> bool:
    """Whether the section is, and in it the row or the words."""
    whole = section(pages[cited.page], cited.section)
    if whole is None or not cited.what:
        return whole is not None
    row = rf"^\| {cited.what} \|" if cited.what.isdecimal() else re.escape(cited.what)
    return re.search(row, whole, re.MULTILINE) is not None


def found_in_project() -> list[tuple[str, Cited]]:
    """All citations with the files that they are in."""
    texts = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in CITING}
    return [(name, cited) for name, text in texts.items() for cited in citations(text)]


def test_what_is_cited_is_there():
    assert not [(name, cited) for name, cited in found_in_project() if not is_there(cited, PAGES)]


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_cites_of_itself_is_there(page):
    assert not [cited for cited in own_citations(page, PAGES[page]) if not is_there(cited, PAGES)]


def test_citations_are_found():
    """As many as there were, or so: a finder that finds nothing finds nothing missing."""
    found = [cited for _, cited in found_in_project()]
    assert len(found) > 150
    assert {cited.section for cited in found if cited.page == "method"} >= {"1.3", "2.2", "3", "4", "5.4", "6", "11.5"}
    assert len([cited for cited in found if cited.section == "6" and cited.what]) >= 8


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Method 1.3.", ["1.3"]),
        ("(Song et al. 2021, Eq. 12; method 5.4, 7).", ["5.4", "7"]),
        ("Method 5.6 and 11.3.", ["5.6", "11.3"]),
        ("Methods 4, 5.7 and 11.1.", ["4", "5.7", "11.1"]),
        ("as it was. Method 1 to 3.", ["1", "2", "3"]),
        ("Method 3 (the authors' maps) and 5.1 (their samples).", ["3", "5.1"]),
        ("row by row. Method\n    2.1.\n\n    The grid", ["2.1"]),
        ("# closed forms of method\n# 1.3 and 2.5, and", ["1.3", "2.5"]),
        ("Method 8, for 30,000 samples: of U-ViT 1,000", ["8"]),
        ("Method 5.4: every pixel half known, 128 of 255.", ["5.4"]),
        ("(method 6, row 28)", ["6", "6 28"]),
        ("(method.md 6, rows 31 and 33)", ["6", "6 31", "6 33"]),
        ("(method 3, section 6 rows 6 to 8)", ["3", "6", "6 6", "6 7", "6 8"]),
        ('(method 7, "Training loop"; design 9)', ["7", "7 Training loop", "9"]),
        ("(design, section 8)", ["8"]),
        ("Euler's method on the ODE, 500 steps; methods of 3 kinds; method: 4", []),
    ],
)
def test_every_form_of_a_citation_is_read(text, expected):
    assert [" ".join(cited[1:]).strip() for cited in citations(text)] == expected


PLANTED = {
    "method": "# M\n## 6. Table\n### 6.1 In it\n| 28 | x |\n**Sizes**\n## 7. Next\n| 29 | y |\n",
    "design": "# D\n",
}


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ('method 6, row 28; method 6.1, "Sizes"', []),
        ("Method 6.2.", ["6.2"]),
        ("Method 6 and 8.", ["8"]),
        ("(method 6, rows 28 and 29)", ["6 29"]),
        ("(method 6, row 2)", ["6 2"]),
        ('(method 7, "Sizes")', ["7 Sizes"]),
        ("(design 6)", ["6"]),
    ],
)
def test_what_is_missing_is_named(text, missing):
    assert [" ".join(c[1:]).strip() for c in citations(text) if not is_there(c, PLANTED)] == missing


def test_a_page_that_cites_what_it_lacks_is_told():
    cited = list(own_citations("method", "as in §6, row 28, and §9 (rows 29 and 30)"))
    assert cited == [Cited("method", "6"), Cited("method", "6", "28"), Cited("method", "9")] + [
        Cited("method", "6", row) for row in ("29", "30")
    ]
    assert [is_there(one, PLANTED) for one in cited] == [True, True, False, False, False]


def test_every_switch_of_a_variant_is_explained():
    """Each leaf of train_refined, and each value that the schema knows, by name."""
    schema = strict_yaml.read(ROOT / check.SCHEMA)["$defs"]["train_refined"]["properties"]
    names = {name for leaf, allowed in schema.items() for name in (leaf, *allowed.get("enum", ()))}
    assert len(names) > 40
    assert not names - {*re.findall(r"`(\w+)`", PAGES["method"]), "checkpoint_every", "log_every"}


# -- links -------------------------------------------------------------------------------------------------------------


def links(text: str) -> Iterator[str]:
    """Where the links and pictures of a page lead, but for addresses; code is no link."""
    plain = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    yield from (found for found in re.findall(r"\]\(([^()\s]+)\)", plain) if "://" not in found)


def anchors(text: str) -> set[str]:
    """GitHub's names of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def leads_nowhere(page: Path, link: str) -> bool:
    """Whether a relative link names a file, or a heading, that is not there."""
    name, _, anchor = link.partition("#")
    target = (page.parent / name).resolve() if name else page
    return not target.exists() or (bool(anchor) and anchor not in anchors(target.read_text(encoding="utf-8")))


def test_links_lead_somewhere():
    found = [(page, link) for page in LINKING for link in links(page.read_text(encoding="utf-8"))]
    assert len(found) > 30
    assert not [(page.name, link) for page, link in found if leads_nowhere(page, link)]


def test_a_broken_link_is_found(tmp_path):
    page, other = tmp_path / "page.md", tmp_path / "other.md"
    other.write_text("# Not `this`, that\n```\n# no heading\n```\n")
    page.write_text(
        "[a](other.md) ![b](gone.png) [c](other.md#not-this-that) [d](other.md#no-heading) [e](#here)\n"
        "`[f](gone.md)` [g](https://example.org/gone)\n## Here\n"
    )
    broken = [link for link in links(page.read_text()) if leads_nowhere(page, link)]
    assert broken == ["gone.png", "other.md#no-heading"]


def unknown_modules(text: str) -> list[str]:
    """Python files and rooms that a page names and the project does not have; `room/module` may lack its ending."""
    named = set(re.findall(r"`((?:[a-z_0-9]+/)*[a-z_0-9]+\.py)`", text))
    files = [
        path.relative_to(ROOT).as_posix() for top in ("src", "tests", "docs") for path in (ROOT / top).rglob("*.py")
    ]
    return sorted(name for name in named if not any(f"/{file}".endswith(f"/{name}") for file in files))


@pytest.mark.parametrize("page", LINKING, ids=lambda page: page.name)
def test_modules_that_a_page_names_are_there(page: Path):
    assert not unknown_modules(page.read_text(encoding="utf-8"))


def test_a_module_that_is_gone_is_found():
    assert unknown_modules("`core/files.py`, `files.py`, `src/selfrefine/core/files.py`, `core/gone.py`") == [
        "core/gone.py"
    ]
