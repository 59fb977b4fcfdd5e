"""The site of `make docs`: README, the pages beside it as they are on GitHub, and the API from the docstrings."""

import re
from functools import partial
from pathlib import Path
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util import logging

ROOT = Path(__file__).parents[1]
# What a person imports, each a page of its modules in this order; of the library only its own functions.
API = ("library", "guidance", "highlighter", "metrics", "diffusion")
# Every page of the site is in one of these lists: a test names those that are not.
NAV = {
    "Guides": [
        "own_images",
        "library",
        "highlight",
        "human_marks",
        "reading",
        "study",
        "paper_scale",
        "rehearsal",
        "cluster",
        "storage",
        "usage",
        "change",
        "questions",
    ],
    "How it works": ["method", "rivals", "design", "code", "reliability", "../CONTRIBUTING", "../CHANGELOG"],
    "Results": [
        *("findings", "findings_tables", "protocol", "results", "../results/README"),
        *(f"table{number}" for number in range(1, 8)),
        "table_study",
        *("controls", "maps", "noise_scale", "sweep", "bench", "fidelity", "gpu/README", "gpu/nvidia_h100_80gb"),
    ],
    "API": [f"api/{room}" for room in API],
}

project = "selfrefine"
root_doc = "README"
include_patterns = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/**.md", "results/README.md"]
exclude_patterns = [".*", "results/*/**", "scratch", "site", "src", "tests", "workflow"]
exclude_patterns += ["benchmarks", "data", "downloads", "logs", "models"]
extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 6  # named as GitHub names them
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 100
html_theme = "furo"
html_title = "selfrefine"
html_additional_pages = {"index": "start.html"}
html_math_renderer = "mathml"
html_copy_source = html_show_search_summary = False  # a page that is opened as a file may not read others
html_show_sphinx = html_show_copyright = False
templates_path = ["."]


def directive(module: str) -> str:
    """What Sphinx puts a module's docstrings in the place of."""
    return f"```{{eval-rst}}\n.. automodule:: {module}\n```"


def write_api() -> None:
    """A page for each room of API, which git ignores."""
    for room in API:
        folder = ROOT / "src" / "selfrefine" / room
        names = [] if room == "library" else sorted(path.stem for path in folder.glob("[!_]*.py"))
        modules = [f"selfrefine.{room}", *(f"selfrefine.{room}.{name}" for name in names)]
        parts = [f"# {modules[0]}", directive(modules[0])]
        for module in modules[1:]:
            parts += [f"## {module.rpartition('.')[2]}", directive(module)]
        path = ROOT / "docs" / "api" / f"{room}.md"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def start_page(app: Any, name: str, source: list[str]) -> None:
    """README without its badges, which are another host's, and with the list of all pages."""
    if name == root_doc:
        lists = [
            f"```{{toctree}}\n:hidden:\n:caption: {caption}\n\n" + "\n".join(f"docs/{page}" for page in pages) + "\n```"
            for caption, pages in NAV.items()
        ]
        source[0] = "\n\n".join([re.sub(r"^!\[.*\]\(https://.*\)\n", "", source[0], flags=re.MULTILINE), *lists])


def plain_docstring(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Makes reStructuredText of plain text: only `code` is markup, and "Args:" and the like head what is indented."""
    text = "" if lines and lines[0].startswith("Alias for field number") else "\n".join(lines)
    text = re.sub(r"`([^`\n]+)`|([\\*|_])", lambda part: f"``{part[1]}``" if part[1] else f"\\{part[2]}", text)
    first, *others = re.split(r"^(Args|Raises|Returns|Yields):\n", text, flags=re.MULTILINE)
    for head, part in zip(others[::2], others[1::2], strict=True):
        entry, more = ("- ", "  ") if head in ("Args", "Raises") else ("", "")
        part = re.sub(r"^     +", more, re.sub(r"^    (?! )", entry, part, flags=re.MULTILINE), flags=re.MULTILINE)
        first += f"**{head}**\n\n{part}"
    lines[:] = first.split("\n")


def as_mathml(translator: Any, node: nodes.Element, *, display: str) -> None:
    """A formula as MathML, which browsers draw without a script; a warning for what is not known of LaTeX."""
    formula = convert(node.astext(), display=display)
    if "\\" in formula:
        logging.getLogger(__name__).warning("unknown LaTeX in %s", node.astext(), location=node)
    translator.body.append(formula)
    raise nodes.SkipNode


def setup(app: Any) -> None:
    """What Sphinx calls."""
    write_api()
    app.connect("source-read", start_page)
    app.connect("autodoc-process-docstring", plain_docstring)
    app.add_html_math_renderer(
        "mathml", (partial(as_mathml, display="inline"), None), (partial(as_mathml, display="block"), None)
    )
