"""docs/findings.md: what the seeds that are kept in git have found; its tables and figures, and the README's part."""

import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from selfrefine.commands import keep_seeds, kept_tables, readme
from selfrefine.core import files
from selfrefine.cost import gpu_days
from selfrefine.params import experiment as experiments
from selfrefine.report.summary import beside, findings
from selfrefine.report.summary.findings import Beside
from selfrefine.report.summary.more_seeds import Costs
from selfrefine.report.summary.run import Run
from selfrefine.stages import make_summary

PAGE = Path("docs", "findings.md")
README = Path("README.md")
BEGIN, END = "<!-- findings:begin (written by `selfrefine evidence findings`) -->", "<!-- findings:end -->"
PAPER, TABLE = "paper", "table2"  # whose GPU hours are told


class Kept(NamedTuple):
    """The tables of the kept seeds of an experiment, their pages in one, a figure, and what is said of them."""

    run: Run
    pages: str
    figure: bytes
    told: list[str]


class Explored(NamedTuple):
    """What the page tells of another experiment: under a heading, what its tables say, a figure and a table of them."""

    heading: str
    says: Callable[[Run], Iterator[str]]
    figure: str
    table: str


BESIDE = {  # experiment -> what it adds
    "planted": Explored(
        "From which size on does a map find a planted flaw?", beside.planted, "planted_sizes", "table6"
    ),
    "sweep": Explored("The paper's search space", beside.search_space, "sweep", "sweep"),
}
FIGURE = "forest"  # of the experiment itself: every difference
PAGES = ("table2", "table7", "controls", "maps", "table6")  # of its tables


def write(experiment: str) -> Path:
    """Writes the page and what stands beside it."""
    for path, content in pages(experiment).items():
        files.write_bytes(path, content)
    return PAGE


def pages(experiment: str) -> dict[Path, bytes]:
    """The page, its figures and tables, and the README with its part, of an experiment's kept seeds; in the project's
    folder.

    Raises:
        InputError: a file that is not what was kept; a README without the marks of its part.
    """
    if (there := len(keep_seeds.seeds(experiment))) < (needed := least(experiment)):
        return {PAGE: findings.too_few(experiment, there, needed).encode()}
    own, others = kept(experiment, FIGURE, PAGES), list[Beside]()
    tables, figures = [own.pages], {f"findings_{FIGURE}.png": own.figure}
    for name, asked in BESIDE.items():
        if name != experiment and len(keep_seeds.seeds(name)) >= least(name):
            found, picture = kept(name, asked.figure, (asked.table,)), f"findings_{asked.figure}.png"
            figures[picture] = found.figure
            tables.append(found.pages)
            others.append(Beside(asked.heading, name, list(asked.says(found.run)), picture, found.told))
    text = findings.page(own.run, costs(experiment), own.told, f"findings_{FIGURE}.png", others)
    short = readme.replaced(README, findings.in_short(own.run, PAGE.as_posix()), BEGIN, END)
    return {
        **{PAGE.parent / name: picture for name, picture in figures.items()},
        PAGE.parent / findings.TABLES: "\n".join(tables).encode(),
        PAGE: text.encode(),
        README: short.encode(),
    }


def least(experiment: str) -> int:
    """The fewest seeds that a verdict is told of: make_tables.minimum_seeds in params.yaml."""
    params, _ = experiments.read_params(Path(), experiment)
    seeds: int = params["make_tables"]["minimum_seeds"]
    return seeds


def kept(experiment: str, figure: str, tables: Sequence[str]) -> Kept:
    """The tables of the kept seeds, made again, with the pages of some."""
    params, _ = experiments.read_params(Path(), experiment)
    with tempfile.TemporaryDirectory() as name:
        told = kept_tables.make(experiment, Path(name))
        config = make_summary.Config({}, tuple(params["make_summary"]["processes"]))
        run = make_summary.read(config, {path.name: path for path in Path(name).iterdir()})
        parts = [
            re.sub("^#", "##", Path(name, f"{table}.md").read_text(encoding="utf-8"), flags=re.M) for table in tables
        ]
        pages = "\n".join([f"# Tables of the kept seeds of `{experiment}`\n", *parts])
        return Kept(run, pages, Path(name, f"{figure}.png").read_bytes(), in_short(told))


def in_short(told: list[str]) -> list[str]:
    """What is said of tables, with all later changes of params and code in one line."""
    since = [line for line in told if line.startswith(kept_tables.SINCE)]
    words = f"{kept_tables.SINCE}params or code of their jobs have changed; `selfrefine evidence tables` names it"
    return [*(line for line in told if line not in since), *([words] if since else [])]


def costs(experiment: str) -> Costs:
    """What one more seed takes, by those that are kept, and the paper's Table 2 at its own scale, by the plan."""
    kept = [keep_seeds.checked(keep_seeds.folder_of(experiment, seed)) for seed in keep_seeds.seeds(experiment)]
    seconds = fmean(sum(filter(None, about["seconds"].values())) for about in kept)
    params, _ = experiments.read_params(Path(), PAPER)
    (line,) = gpu_days.lines(params, Path(), (TABLE,)).query("table == @TABLE").to_dict("records")
    hours = {card.card: 24.0 * line[card.card] for card in gpu_days.cards(Path())}
    return Costs(seconds / 3600.0, hours, len(params["select"]["seeds"]))
