"""Each table in short form: row, the paper's figure, ours, the change with its interval, the verdict."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from selfrefine.core.names import FLAW, HEADLINE, TO_TRAIN
from selfrefine.report.markdown import EMPTY
from selfrefine.report.results import OWN_ROWS, R
from selfrefine.report.seed_statistics import Line
from selfrefine.report.summary import words
from selfrefine.report.summary.other_results import figure
from selfrefine.report.summary.run import Run, change
from selfrefine.report.tables import autoencoders, map_validity, table6, table_study
from selfrefine.report.tables.contrasts import is_half
from selfrefine.report.tables.table1 import BASELINE, NOT_RUN, SELF_REFINING

HEADINGS = ("Row", "Paper (change)", "Ours", "Change [95 % over seeds]", "Verdict")
SHOWN_HITS = {"hit_cell_difference": "Planted flaws: generated less real"}
SHOWN_PICKS = {
    (FLAW, table_study.SHARE): "Share of picks in the flaw map's three cells",
    (FLAW, table_study.ANY): "Any match with the flaw map's three cells",
    (table_study.ANOTHER, table_study.DIFFERENCE): "Share, flaw map less those of other images",
}
LEFT_OUT = "Only FD to test in the features of {network}; all else is in the whole table."
FIGURES = "Figures without a verdict: only changes of FD are judged."


@dataclass(frozen=True)
class Short:
    """One table in short form.

    Args:
        name: of its CSV, without ending.
        title: in words.
        about: what it leaves out.
        rows: a text for each of HEADINGS.
    """

    name: str
    title: str
    about: str
    rows: list[tuple[str, ...]]


TITLES = {
    "table1": "Table 1: model families",
    "table2": "Table 2: the processes of self-refinement",
    "table3": "Table 3: other data sets",
    "table4": "Table 4: images from prompts",
    "table5": "Table 5: inpainting",
    "table6": "Table 6: the flaw highlighter",
    "table7": "Table 7: other maps than the flaw map",
    "controls": "Every difference",
    "maps": "Is it a map of flaws?",
    "sweep": "The paper's search space",
    "strength": "Difference and strength of the map",
    "autoencoder": "First stages of latent families",
    "table_study": "Figure 9: do people see flaws where the map does?",
}


def short_tables(run: Run) -> list[Short]:
    """All tables of a run, in the order of TITLES."""
    return [
        Short(name, title, LEFT_OUT.format(network=run.network(name)) if name in JUDGED else FIGURES, rows(run))
        for name, title in TITLES.items()
        for rows in [JUDGED.get(name) or OTHERS[name]]
    ]


def _judged(
    table: str, name: Callable[[Line, Run], str], everywhere: bool = True, **values: str
) -> Callable[[Run], list[tuple[str, ...]]]:
    """The rows of a table that have a verdict, each called by `name`; `values` choose them.

    Of all data sets and models, or of the first ones alone: Table 2 has its other data sets in Table 3, too. Other
    ways to sample that do not compare with the reference, at a best factor of the noise or by a second sampler, are in
    the whole table.
    """

    def rows(run: Run) -> list[tuple[str, ...]]:
        wanted: dict[str, str | None] = {"dataset": None, "model": None} if everywhere else {}
        wanted |= {"metric": HEADLINE, "network": run.network(table)} | values
        kept = {column: value for column, value in wanted.items() if column in run.tables[table]}
        papers = Papers(run, table, kept)
        found = [(line, _figures(line)) for line in run.lines(table, **kept)]
        return [
            (name(line, run), papers.text(line), *figures)
            for line, figures in found
            if line.get("row") not in run.rows["samplings"] or figures[1:] != (EMPTY, EMPTY)
        ]

    return rows


class Papers:
    """The paper's figures of a table, each with its change to the paper's baseline."""

    def __init__(self, run: Run, table: str, chosen: dict[str, str | None]) -> None:
        at = chosen | {"metric": TO_TRAIN} if table == "table4" else chosen  # where that table has them
        lines = run.lines(table, **at) if "paper" in run.tables[table] else []
        self.found = {_key(line): line["paper"] for line in lines}
        self.bases = {_key(line)[:-1]: line["paper"] for line in lines if line["row"] in (run.reference, BASELINE)}

    def text(self, line: Line) -> str:
        """8.514 (-5.2 %)."""
        paper, base = self.found.get(_key(line), math.nan), self.bases.get(_key(line)[:-1], math.nan)
        change = f" ({100.0 * (paper / base - 1.0):+.1f} %)" if math.isfinite(paper / base) and paper != base else ""
        return _number(paper, ".3f") + change


def _key(line: Line) -> tuple[str, ...]:
    """What tells a line from others of its table, metric and network; its row last."""
    return (*(str(line.get(column, "")) for column in ("dataset", "model", "mask", "pixels")), line["row"])


def _figures(line: Line) -> tuple[str, str, str]:
    """Ours, change and verdict of a line with a difference."""
    ends = ("low", "high") if "difference_low" not in line else ("difference_low", "difference_high")
    found = change(line, *ends)
    ours = figure(line, "#.4g") if math.isfinite(line.get("value", math.nan)) else EMPTY
    changed = words.signed(found) if math.isfinite(found.difference) else EMPTY
    return ours, changed, found.verdict or line.get("note") or EMPTY


def _number(value: float, style: str) -> str:
    return format(value, style) if math.isfinite(value) else EMPTY


def _family(line: Line, run: Run) -> str:
    row = f"self-refining ({run.title(line['variant'])})" if line["row"] == SELF_REFINING else "baseline"
    return f"{run.title(line['model'])}, {NOT_RUN if not line['n_seeds'] else row}"


def _row(line: Line, run: Run) -> str:
    return OWN_ROWS.get(line["row"]) or run.title(line["row"])


def _on_data_set(line: Line, run: Run) -> str:
    return f"{run.title(line['dataset'])}: {_row(line, run)}"


def _of_model(line: Line, run: Run) -> str:
    return f"{run.title(line['model'])}: {run.title(line['variant'])}"


def _hole(line: Line, run: Run) -> str:
    return f"{run.title(line['model'])}, {run.title(line['mask'])} masks: {_row(line, run)}"


def _pair(line: Line, run: Run) -> str:
    return f"{_on_data_set(line, run)} against {run.title(line['reference'])}{', half' * is_half(line)}"


def _setting(line: Line, run: Run) -> str:
    return f"{_on_data_set(line, run)} ({line['factor']} {line['setting']:g})"


def _strength(line: Line, run: Run) -> str:
    strengths = f"forward {line['forward_strength']:.3g}, reverse {line['reverse_strength']:.3g}"
    return f"{_on_data_set(line, run)} ({strengths})"


JUDGED: Mapping[str, Callable[[Run], list[tuple[str, ...]]]] = {
    "table1": _judged("table1", _family),
    "table2": _judged("table2", _row, everywhere=False),
    "table3": _judged("table3", _on_data_set),
    "table4": _judged("table4", _of_model),
    "table5": _judged("table5", _hole, pixels="raw"),
    "table7": _judged("table7", _on_data_set),
    "controls": _judged("controls", _pair),
    "sweep": _judged("sweep", _setting),
    "strength": _judged("strength", _strength),
}


def _highlighters(run: Run) -> list[tuple[str, ...]]:
    shown = table6.SCORES | SHOWN_HITS
    titles = {name: row["title"] for name, row in run.rows["highlighters"].items()}
    return [
        (
            f"{run.title(line['dataset'])}, {run.title(line['model'])}, {titles.get(line['row'], line['row'])}: "
            f"{shown[line['metric']]}",
            *(_number(line["paper"], ".3f"), figure(line, ".3f"), EMPTY, EMPTY),
        )
        for line in run.lines("table6", dataset=None, model=None)
        if line["metric"] in table6.SCORES or (line["row"] == FLAW and line["metric"] in SHOWN_HITS)
    ]


def _maps(run: Run) -> list[tuple[str, ...]]:
    return [
        (
            f"{run.title(line['dataset'])}, {run.title(line['model'])}: r with the flaw map of "
            f"{map_validity.TITLES.get(line['row'], line['row'])}",
            *(EMPTY, figure(line, ".2f"), EMPTY, line["finding"] or EMPTY),
        )
        for line in run.lines("maps", dataset=None, model=None, metric=R)
    ]


def _autoencoders(run: Run) -> list[tuple[str, ...]]:
    return [
        (
            f"{run.title(line['dataset'])}, {run.title(line['model'])}: {heading}",
            *(EMPTY, figure({end: factor * line[end] for end in ("value", "low", "high")}, style), EMPTY, EMPTY),
        )
        for line in run.lines("autoencoder", dataset=None, model=None)
        for heading, factor, style in [autoencoders.METRICS[line["metric"]]]
    ]


def _studies(run: Run) -> list[tuple[str, ...]]:
    """The readings of the flaw map, and the difference that counts; or that there are no answers."""
    lines = run.lines("table_study", dataset=None, model=None)
    titles = {study: row["title"] for study, row in run.rows.get("studies", {}).items()}
    return [
        (
            f"{titles[line['study']]} {SHOWN_PICKS[line['row'], line['metric']]}",
            *(_number(line["paper"], ".2f"), figure(line, ".3f"), EMPTY, line["note"] or EMPTY),
        )
        for line in lines
        if (line["row"], line["metric"]) in SHOWN_PICKS
    ]


OTHERS: Mapping[str, Callable[[Run], list[tuple[str, ...]]]] = {
    "table6": _highlighters,
    "maps": _maps,
    "autoencoder": _autoencoders,
    "table_study": _studies,
}
