"""docs/findings.md: what the seeds that are kept in git have found; beside it their tables and figures."""

import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from selfrefine.commands import keep_seeds, kept_tables
from selfrefine.core import files
from selfrefine.cost import gpu_days
from selfrefine.params import experiment as experiments
from selfrefine.report.summary import beside, findings
from selfrefine.report.summary.findings import Beside
from selfrefine.report.summary.more_seeds import Costs
from selfrefine.report.summary.run import Run
from selfrefine.stages import make_summary

PAGE = Path("docs", "findings.md")
PAPER, TABLE = "paper", "table2"  # whose GPU hours are told


class Kept(NamedTuple):
    """The tables of the kept seeds of an experiment, their pages in one, a figure, and what is said of them."""

    run: Run
    pages: str
    figure: bytes
    told: list[str]


# What is explored besides: experiment -> heading, what its tables say, the figure of it.
BESIDE: dict[str, tuple[str, Callable[[Run], Iterator[str]], str]] = {
    "planted": ("From which size on does a map find a planted flaw?", beside.planted, "planted_sizes"),
    "sweep": ("The paper's search space", beside.search_space, "sweep"),
}
FIGURE = "forest"  # of the experiment itself: every difference
PAGES = ("table2", "table7", "controls", "maps", "table6")  # of its tables


def write(experiment: str) -> Path:
    """Writes the page and what stands beside it."""
    text, others = page(experiment)
    for name, content in others.items():
        files.write_bytes(PAGE.parent / name, content)
    files.write_text(PAGE, text)
    return PAGE


def page(experiment: str) -> tuple[str, dict[str, bytes]]:
    """The text of the page, and by name its figures and its tables, of an experiment's kept seeds; in the project's
    folder.

    Raises:
        InputError: a file that is not what was kept.
    """
    if (there := len(keep_seeds.seeds(experiment))) < (needed := least(experiment)):
        return findings.too_few(experiment, there, needed), {}
    own, others = kept(experiment, FIGURE), list[Beside]()
    found_files = {f"findings_{FIGURE}.png": own.figure, findings.TABLES: own.pages.encode()}
    for name, (heading, says, figure) in BESIDE.items():
        if name != experiment and len(keep_seeds.seeds(name)) >= least(name):
            found, picture = kept(name, figure), f"findings_{figure}.png"
            found_files[picture] = found.figure
            others.append(Beside(heading, name, list(says(found.run)), picture, found.told))
    return findings.page(own.run, costs(experiment), own.told, f"findings_{FIGURE}.png", others), found_files


def least(experiment: str) -> int:
    """The fewest seeds that a verdict is told of: make_tables.minimum_seeds in params.yaml."""
    params, _ = experiments.read_params(Path(), experiment)
    seeds: int = params["make_tables"]["minimum_seeds"]
    return seeds


def kept(experiment: str, figure: str) -> Kept:
    """The tables of the kept seeds, made again."""
    params, _ = experiments.read_params(Path(), experiment)
    with tempfile.TemporaryDirectory() as name:
        told = kept_tables.make(experiment, Path(name))
        config = make_summary.Config({}, tuple(params["make_summary"]["processes"]))
        run = make_summary.read(config, {path.name: path for path in Path(name).iterdir()})
        parts = [
            re.sub("^#", "##", Path(name, f"{table}.md").read_text(encoding="utf-8"), flags=re.M) for table in PAGES
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
