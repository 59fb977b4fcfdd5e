"""What make_tables reads of an imagined experiment, for the tests of tables and of figures that are drawn of them."""

from pathlib import Path

import pandas as pd

from selfrefine.core import files
from selfrefine.report import known_autoencoders, results
from selfrefine.report.seed_statistics import Judgement, records
from tests.support.tiny_metrics import PAPER, ROWS

REAL_PAPER = files.read_table(Path(__file__).parents[2] / "workflow" / "resources" / "paper_values.csv")
JUDGEMENT = Judgement("baseline", 0.017, 6, "vgg16_conv5_gap")
SECTIONS = ("datasets", "models", "variants", "samplings", "highlighters", "masks", "studies")


def tiny_results(
    generation=(),
    runs=(),
    *,
    rows=ROWS,
    paper=PAPER,
    judgement=JUDGEMENT,
    autoencoders=(),
    scales=(),
    studies=(),
    **others,
):
    """Results of lines as the stages write them: those of evaluate_generation, and by name those of other stages."""
    fixed = {name: others.pop(name) for name in ("experiment", "map_of", "select") if name in others}
    stages = {"generation": generation, **others}
    tables = [pd.DataFrame(lines).assign(stage=stage) for stage, lines in stages.items() if len(lines)]
    rows = {section: {} for section in SECTIONS} | rows
    select = {section: list(words) for section, words in rows.items()}
    return results.Results(
        metrics=results.tidy(tables),
        runs=results.runs(runs),
        autoencoders=known_autoencoders.lines(autoencoders),
        scales=pd.DataFrame(scales, columns=results.SCALES),
        studies=pd.DataFrame(studies, columns=results.STUDY),
        paper=pd.DataFrame(paper, columns=["table", "row", "dataset", "metric", "value", "error"]),
        judgement=judgement,
        rows=rows,
        **({"select": select, "experiment": "smoke", "map_of": "both"} | fixed),
    )


def titled(titles):
    """A section of params.yaml: row -> its title."""
    return {name: {"title": title} for name, title in titles.items()}


def table_cells(text, start=""):
    """The cells of the lines of all Markdown tables that begin with `start`."""
    found = [line for line in text.splitlines() if line.startswith(f"| {start}")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in found]


def equal(one, other):
    """Whether two tables have the same lines; NaN equals itself."""
    return repr(records(one)) == repr(records(other))
