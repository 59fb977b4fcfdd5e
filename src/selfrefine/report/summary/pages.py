"""The summary as a page for a browser, which needs nothing beside it, and as Markdown.

Neither holds a date, a time, a name of a machine or a commit: the same results are the same bytes on any machine, and a
commit changes with a comment that changes no result. What stands for all of these is the lineage that the tables' own
record keeps, a digest of the params, the code and the data behind them, beside the versions of what computed.
"""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import jinja2
import pandas as pd

from selfrefine.core import files
from selfrefine.core.names import PROVENANCE
from selfrefine.report import doubtful_maps, machines, markdown
from selfrefine.report.seed_statistics import Judgement
from selfrefine.report.summary.run import Run
from selfrefine.report.summary.short_tables import HEADINGS, Short

TITLE = "What this run says"
DOUBTS = "What speaks against it"
VERSIONS = {"torch": "torch", "diffusers": "diffusers", "numpy": "NumPy"}
FIGURES = {
    "figure4": "Figure 4: photographs, samples of the baseline, and what each process changes in them",
    "figure4_all": "Every variant and data set",
    "figure5": "Figure 5: samples of each model family",
    "figure6": "Figure 6: images made from prompts",
    "figure7": "Figure 7: inpainting",
    "figure8": "Figure 8: flaw maps",
    "figure9": "Figure 9: where people see flaws, and where the map does",
    "forest": "Every difference, with its seeds",
    "strength": "FD against the strength of the map",
    "sweep": "FD over the paper's search space",
    "planted": "Planted flaws, and where the map points",
    "planted_sizes": "Planted flaws: from which size on the map finds them",
    "maps": "Maps and their correlations",
    "mfam": "Mean flaw map over the refreshes",
    "loss": "Loss of both phases",
}
SCALED = ("table1", "table3", "table4")  # together of every data set and model
TIMES = (
    "How long each job took is not on this page, which is the same whenever and wherever it is made: it stands in "
    "the folder benchmarks, one file a job."
)


@dataclass(frozen=True)
class Page:
    """What both forms of the summary show.

    Args:
        sentences: what the run says.
        doubts: from `doubts`.
        tables: in short form.
        facts: name -> text: experiment, scale, seeds, versions.
    """

    sentences: list[str]
    doubts: list[str]
    tables: list[Short]
    facts: Mapping[str, str]


def doubts(texts: Iterable[str]) -> list[str]:
    """What speaks against the maps or machines behind the tables: what their own pages say of it, each line once."""
    found: dict[str, None] = {}
    for text in texts:
        for heading in (doubtful_maps.HEADING, machines.HEADING):
            _, _, below = text.partition(f"\n{heading}\n")
            lines = below.partition("\n## ")[0].splitlines()
            found |= dict.fromkeys(line.removeprefix("- ") for line in lines if line.startswith("- "))
    return list(found)


def facts(run: Run, record: Mapping[str, object]) -> dict[str, str]:
    """Scale, seeds and versions of a run.

    Args:
        run: its tables.
        record: config.json of make_tables, with what it keeps of its code, inputs and machine.
    """
    provenance = record.get(PROVENANCE)
    known = provenance if isinstance(provenance, dict) else {}
    machine = known.get("machine", {})
    scales = dict.fromkeys(scale for table in SCALED for scale in run.tables[table]["scale"].dropna())
    found = {
        "Experiment": run.experiment,
        "Seeds": ", ".join(map(str, run.select["seeds"])),
        "Scale": "; ".join(scale.removeprefix(f"Experiment {run.experiment}: ") for scale in scales if scale),
        "Versions": ", ".join(f"{name} {machine[key]}" for key, name in VERSIONS.items() if key in machine),
        "Params, code and data": str(known.get("lineage", "")),
        "Times": TIMES,
    }
    return {name: text for name, text in found.items() if text}


def verdict_words(run: Run) -> str:
    """What the verdicts that occur mean, in Markdown."""
    judgement = Judgement(run.reference, run.equivalence_margin, run.minimum_seeds)
    columns = ["verdict", "n_seeds"]
    given = [table[columns] for table in run.tables.values() if {*columns} <= {*table}]
    occurring = pd.concat([pd.DataFrame(columns=columns), *given]).dropna()
    return markdown.verdict_words(occurring, judgement, run.title(run.reference))


def as_markdown(page: Page, run: Run) -> str:
    """summary.md: the sentences first, up to the first heading of the second level."""
    parts = [f"# {TITLE}\n", "".join(f"- {sentence}\n" for sentence in page.sentences)]
    if page.doubts:
        parts += [f"## {DOUBTS}\n", "".join(f"- {doubt}\n" for doubt in page.doubts)]
    for table in page.tables:
        parts.append(f"## {table.title}\n")
        if not table.rows:
            parts.append("Nothing of it was run.\n")
            continue
        parts.append(f"{table.about} The whole table: {table.name}.csv.\n")
        parts.append(markdown.markdown_table(HEADINGS, table.rows))
    parts += [words for words in [verdict_words(run)] if words]
    parts += ["## What was run\n", "".join(f"- {name}: {text}\n" for name, text in page.facts.items())]
    return "\n".join(parts)


def as_html(page: Page, run: Run, template: str, pictures: Mapping[str, Path]) -> str:
    """index.html.

    Args:
        page: what it shows.
        run: its tables, which it holds whole.
        template: in Jinja's language.
        pictures: name of a figure -> PNG.
    """
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    shown = [(FIGURES[name], data_uri(pictures[name])) for name in FIGURES if name in pictures]
    whole = {name: (list(map(str, table.columns)), cells(table)) for name, table in run.tables.items()}
    return environment.from_string(template).render(
        title=TITLE,
        doubts=DOUBTS,
        run=run,
        page=page,
        headings=HEADINGS,
        whole=whole,
        figures=shown,
        verdicts=[line.removeprefix("- ") for line in verdict_words(run).splitlines() if line.startswith("- ")],
    )


def cells(table: pd.DataFrame) -> list[list[str]]:
    """The texts of a whole table, numbers with four digits; "" for none."""
    return [[_cell(value) for value in line] for line in table.itertuples(index=False)]


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.4g}"
    return str(value)


def data_uri(picture: Path) -> str:
    """A PNG as the address of itself."""
    return f"data:image/png;base64,{base64.b64encode(files.read_bytes(picture)).decode('ascii')}"
