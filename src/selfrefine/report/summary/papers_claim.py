"""What the paper claims for the three processes, and why this run can or cannot contradict it."""

import math

from selfrefine.core.names import HEADLINE
from selfrefine.metrics.frechet import FID_NETWORK
from selfrefine.report.paper_values import PAPER_DATASETS, PAPER_FAMILIES, Family
from selfrefine.report.summary import words
from selfrefine.report.summary.run import Run


def papers_claim(run: Run) -> str:
    """The paper's changes at its scale, beside the scale of this run."""
    found = claims(run)
    dataset, model = run.place
    place, family = run.rows["datasets"].get(dataset, {}).get("stands_for", ""), _family(run, model)
    if not found or family is None:
        return "The paper has no figure for this data set and model, so this run can neither confirm nor contradict it."
    told = ", ".join(f"{100.0 * change:+.1f} % for {run.title(row)}" for row, change in found.items())
    lacking = lacks(run, family, place)
    there = f"The paper reports {told} on {PAPER_DATASETS[place]} at {family.size} px, {family.training}"
    if lacking:
        return f"{there}; this run has {words.listed(lacking)}, and can neither confirm nor contradict it."
    return (
        f"{there}; this run is on the same data, of that size, length and measure, so its verdicts bear on that claim."
    )


def lacks(run: Run, family: Family, place: str) -> list[str]:
    """In what this run falls short of the paper's, in words; nothing if its verdicts bear on the paper's claim.

    Args:
        run: its first data set and main model.
        family: the paper's of that model.
        place: the paper's data set.
    """
    dataset, model = run.place
    row = run.rows["datasets"][dataset]
    base, refined = row["models"][model]["steps"]
    n_seeds = len(run.select["seeds"])
    lacking = [] if dataset == place else [f"{row['title']} in its place"]
    if row["size"] != family.size:
        lacking.append(f"{row['size']} px")
    if family.steps is None or base + refined < family.steps:
        lacking.append(f"{base:,} + {refined:,} training steps")
    if run.primary_network != FID_NETWORK:
        lacking.append(f"other features than FID's ({run.primary_network})")
    if n_seeds < run.minimum_seeds:
        lacking.append(f"{words.seeds(n_seeds)} of the {run.minimum_seeds} that a verdict needs")
    return lacking


def claims(run: Run) -> dict[str, float]:
    """Process -> the paper's change of FID to its baseline, as a share."""
    lines = run.lines("table2", metric=HEADLINE, network=run.primary_network)
    printed = {line["row"]: line["paper"] for line in lines if math.isfinite(line["paper"])}
    base = printed.get(run.reference)
    return {row: printed[row] / base - 1.0 for row in run.processes if row in printed} if base else {}


def _family(run: Run, model: str) -> Family | None:
    """The paper's family of a model, or of the one that it is in the place of."""
    row = run.rows["models"].get(model, {})
    return PAPER_FAMILIES.get(row.get("in_place_of", model))
