"""Sentences on what stands in the other tables: the highlighter, other data sets and families, prompts, inpainting."""

import math
from collections.abc import Mapping

from selfrefine.core.names import FAKE_SPLICE, FLAW, HEADLINE, REAL_MAP
from selfrefine.metrics.classification import guesses
from selfrefine.metrics.intervals import Estimate
from selfrefine.metrics.prompt_agreement import AGREEMENT
from selfrefine.report.markdown import EMPTY
from selfrefine.report.results import R
from selfrefine.report.seed_statistics import FIGURE, Line
from selfrefine.report.summary import words
from selfrefine.report.summary.run import Change, Run, change
from selfrefine.report.tables import table1, table4, table_study

SECOND = "second"  # the highlighter that learned the same task from other draws


def highlighter(run: Run) -> str:
    """How well the flaw highlighter tells images apart, whether its map finds planted flaws, and how stable it is."""
    scores = {line["metric"]: line for line in run.lines("table6", row=FLAW)}
    if "accuracy" not in scores:
        return "The flaw highlighter was not measured."
    accuracy, told = scores["accuracy"], "tells generated images from real ones"
    if guesses(Estimate(*(scores["roc_auc"][end] for end in FIGURE))):
        told = "is not shown to tell generated images from real ones"
    paper = f"; the paper's, on other images: {accuracy['paper']:.3f}" if math.isfinite(accuracy["paper"]) else ""
    parts = [f"The flaw highlighter {told} (accuracy {figure(accuracy, '.3f')}{paper})", planted(scores), *stable(run)]
    over = "all of one training run" if accuracy["n_seeds"] == 1 else f"over {words.seeds(int(accuracy['n_seeds']))}"
    return f"{'; '.join(part for part in parts if part)}; {over}.{seen_by_people(run)}"


def seen_by_people(run: Run) -> str:
    """Whether people pick the cells of its map more often than those of other images' maps; "" if none was asked."""
    found = run.lines("table_study", row=table_study.ANOTHER, metric=table_study.DIFFERENCE)
    if not found:
        return ""
    told = f"share of {found[0]['n_participants']} people's picks, its map less those of other images: "
    told += figure(found[0], "+.3f")
    shown = "People see flaws where it points" if found[0]["low"] > 0.0 else "People are not shown to see flaws there"
    return f" {shown} ({told})."


def planted(scores: Mapping[str, Line]) -> str:
    """Whether its map finds planted pieces of generated images: more than real ones, and than another image's map."""
    difference, hit = scores.get("hit_cell_difference"), scores.get(f"hit_cell_{FAKE_SPLICE}")
    if difference is None or hit is None:
        return ""
    told = f"planted pieces of generated images less those of real ones: hit rate {figure(difference, '+.3f')}"
    if not difference["low"] > 0.0:
        return f"its map is not shown to find planted flaws ({told})"
    blind = scores.get("hit_cell_other_image")
    if blind is None or not hit["low"] > blind["high"]:
        return f"its map hits them more often ({told}), but is not shown to beat the map of another image"
    return f"its map finds planted flaws ({told})"


def stable(run: Run) -> list[str]:
    """How much its map is like that of a second highlighter, and that of real images."""
    maps = {line["row"]: line for line in run.lines("maps", metric=R)}
    names = {SECOND: "a second highlighter's map", REAL_MAP: "its own map of real images"}
    told = [f"{figure(maps[row], '.2f')} with {name}" for row, name in names.items() if row in maps]
    finding = maps[REAL_MAP]["finding"] if REAL_MAP in maps else ""
    return [f"its map correlates {words.listed(told)}" + (f" ({finding})" if finding else "")] if told else []


def figure(line: Line, style: str) -> str:
    """Value [low, high]; without brackets where there is no interval, a dash for no value."""
    if not math.isfinite(line["value"]):
        return EMPTY
    value, low, high = (format(line[end], style) for end in FIGURE)
    return f"{value} [{low}, {high}]" if math.isfinite(line["low"]) else value


def other_tables(run: Run) -> str:
    """Self-refinement on other data sets (Table 3) and in other families (Table 1)."""
    everywhere = {"dataset": None, "model": None, "metric": HEADLINE, "network": run.primary_network}
    dataset, model = run.place
    sets = {
        f"{run.title(line['row'])} on {run.title(line['dataset'])}": change(line)
        for line in run.lines("table3", **everywhere)
        if line["row"] != run.reference and line["dataset"] != dataset
    }
    families = {
        run.title(line["model"]): change(line)
        for line in run.lines("table1", **everywhere, row=table1.SELF_REFINING)
        if line["n_seeds"] and line["model"] != model
    }
    return (
        f"Other data sets (Table 3): {_or_none(sets, run)}. Other model families (Table 1): {_or_none(families, run)}."
    )


def other_tasks(run: Run) -> str:
    """Self-refinement of images made from prompts (Table 4) and of inpainting (Table 5), by FD."""
    everywhere = {"dataset": None, "model": None}
    prompts = {
        f"{run.title(line['variant'])} of {run.title(line['model'])}": change(line)
        for line in run.lines(
            "table4", **everywhere, metric=HEADLINE, network=run.primary_network, row=table4.SELF_REFINING
        )
    }
    shown = [
        f"share of images that show their prompt's class: {100.0 * line['difference']:+.1f} points" + _points(line)
        for line in run.lines("table4", **everywhere, metric=AGREEMENT, network="classifier", row=table4.SELF_REFINING)
        if math.isfinite(line["difference"])
    ]
    holes = {
        f"{run.title(line['mask'])} masks": change(line)
        for line in run.lines("table5", **everywhere, metric=HEADLINE, network=run.network("table5"), pixels="raw")
        if line["row"] != run.reference
    }
    told = "; ".join([_or_none(prompts, run), *shown])
    return f"Images from prompts (Table 4): {told}. Inpainting (Table 5): {_or_none(holes, run)}."


def _points(line: Line) -> str:
    """The interval over seeds of a difference of shares, else over images, which is of these training runs alone."""
    runs = "one training run" if line["n_seeds"] == 1 else f"these {line['n_seeds']:.0f} training runs"
    for name, of in (("difference", ""), ("image_difference", f" over the images of {runs}")):
        low, high = 100.0 * line[f"{name}_low"], 100.0 * line[f"{name}_high"]
        if math.isfinite(low):
            return f" [{low:+.1f}, {high:+.1f}]{of}"
    return ""


def _or_none(changes: Mapping[str, Change], run: Run) -> str:
    return words.grouped(changes, run) or "none was run"
