"""The paper's search space (section 4.1): what cycle, ratio of the phases and weights do, one factor at a time.

Nothing is named by hand: rows that differ in one factor alone are a series, whatever the experiment calls them.
"""

from typing import Any

import pandas as pd

from selfrefine.core import config_json
from selfrefine.core.names import HEADLINE
from selfrefine.report import markdown
from selfrefine.report.results import FLAW_MAP, Results, Rows
from selfrefine.report.seed_statistics import CHANGE, FIGURE, SIZES, SPACE, by_seed, places
from selfrefine.report.tables import dose_response
from selfrefine.report.tables.contrasts import ROW

RATIO = "ratio"  # of the phases; all other factors are leaves of train_refined
FACTORS = {
    "cycle": "Cycle: steps between two maps",
    RATIO: "Ratio: base to refinement",
    "forward_weight": "Forward weight",
    "reverse_weight": "Reverse weight",
}
PAPER_CHOICE = {"cycle": 100, RATIO: 1.0, "forward_weight": 0.01, "reverse_weight": 0.025}  # section 4.3, of DDPM
WEIGHTS = {"forward": "forward_weight", "reverse": "reverse_weight"}  # process -> what does nothing without it
NONE_SELECTED = (
    "No two rows are selected that differ in one of the paper's factors alone (cycle, ratio of the phases, weights): "
    "the experiment sweep has them."
)
COLUMNS = [  # of sweep.csv
    *("dataset", "family", "model", "network", "factor", "series", "setting", "row", "process", "map", "n_maps"),
    *(*FIGURE, *SIZES, *CHANGE, "verdict", "n_images", "n_seeds", "scale", "by_seed"),
]
READ = (
    "One factor moves in each series, all else stays. FD, changes and intervals as in Table 2. Each row is "
    "compared with the baseline of its own model, also where the ratio of the phases makes it another one. "
    "The paper chose {chosen} and prints no figure of the others. All changes here are exploratory: the best "
    "of many is no finding, and a choice made by them needs other seeds to be judged. The two processes may act "
    "against each other, and a uniform map shows what strength alone does.\n"
)


def arms(runs: pd.DataFrame, rows: Rows) -> pd.DataFrame:
    """Every row that has a process: a point of a series.

    Args:
        runs: of train_refined, all seeds.
        rows: section -> row -> words about it; data sets have `models`: model -> `steps` of both phases.

    Returns:
        ROW, `n_maps`; `process`, `map`; `family`, the row of `models` that its model is in the place of, itself for
        most; `values`: the config of its refinement, without what does nothing there, and its ratio.
    """
    found = runs.rename(columns={"variant": "row"}).drop_duplicates(ROW)
    found = found.assign(process=[dose_response.process(leaves) for leaves in found["leaves"]])
    found = found[~found["process"].isin(["", dose_response.DDPM_IP])]
    values = [
        _values(leaves, *rows["datasets"][dataset]["models"][model]["steps"])
        for dataset, model, leaves in found[["dataset", "model", "leaves"]].to_numpy()
    ]
    return found.assign(
        values=pd.Series(values, found.index, dtype=object),
        family=[rows["models"][model].get("in_place_of", model) for model in found["model"]],
    )[[*ROW, "n_maps", "process", "map", "family", "values"]]


def _values(leaves: dict[str, Any], base: int, refined: int) -> dict[str, Any]:
    """What decides on a refinement, and the ratio of its phases."""
    idle = [name for process, weight in WEIGHTS.items() if leaves[process] == "none" for name in (process, weight)]
    ratio = {RATIO: base / refined, "total": base + refined}
    return {leaf: value for leaf, value in leaves.items() if leaf not in idle} | ratio


def series(all_arms: pd.DataFrame) -> pd.DataFrame:
    """The points of every factor: `factor`, `series`, `setting`, by rising setting; a series has two settings or more.

    Args:
        all_arms: from `arms`.
    """
    found = []
    for factor in FACTORS:
        part = all_arms.assign(factor=factor, setting=[values.get(factor) for values in all_arms["values"].tolist()])
        part = part.loc[[bool(setting) for setting in part["setting"]]]  # the logarithm of a weight of 0 has no place
        part = part.assign(setting=part["setting"].astype(float), alike=[_alike(arm) for arm in part.itertuples()])
        part = part[part.groupby("alike")["setting"].transform("nunique") > 1]
        firsts: list[Any] = list(part.drop_duplicates("alike").itertuples())
        names = {first.alike: _name(first, firsts) for first in firsts}
        part = part.assign(series=part["alike"].map(names))
        found += [group.sort_values("setting", kind="stable") for _, group in part.groupby("alike", sort=False)]
    return pd.concat(found) if found else all_arms.assign(factor="", series="", setting=0.0).iloc[:0]


def _alike(arm: Any) -> str:
    """Equal for the arms of one series: all but the factor; a ratio moves the steps of both phases."""
    moved = (RATIO, "steps") if arm.factor == RATIO else (arm.factor,)
    left = {leaf: value for leaf, value in arm.values.items() if leaf not in moved}
    return config_json.to_json([*_place(arm), left])


def _place(arm: Any) -> tuple[str, str]:
    """Where a series lies: on a data set in one model, or with another ratio in its family."""
    return arm.dataset, arm.family if arm.factor == RATIO else arm.model


def _name(arm: Any, firsts: list[Any]) -> str:
    """Process and map of a series, and what else tells it from others of its factor, process and map.

    Args:
        arm: the first of the series.
        firsts: the first of each series of the factor.
    """
    parts = [arm.process] + ([] if arm.map == FLAW_MAP else [f"map {arm.map}"])
    if arm.factor != RATIO and arm.model != arm.family:
        parts.append(arm.model)
    twins = [
        other.values
        for other in firsts
        if (*_place(other), other.process, other.map) == (*_place(arm), arm.process, arm.map)
    ]
    moved = (arm.factor, "steps")
    others = [leaf for leaf, value in arm.values.items() if any(value != twin[leaf] for twin in twins)]
    return ", ".join([*parts, *(f"{leaf} {arm.values[leaf]}" for leaf in others if leaf not in moved)])


def lines(results: Results) -> pd.DataFrame:
    """The lines of sweep.csv: each point of each series, its difference taken to the reference of its own model."""
    measured = results.compared[results.compared["metric"] == HEADLINE]
    metrics = results.of("generation")
    differing = by_seed(metrics[metrics["metric"] == HEADLINE], results.judgement.reference)
    pairs = zip(differing["seed"], differing["difference"], strict=True)
    texts = differing.assign(by_seed=[f"{seed}:{difference:.9g}" for seed, difference in pairs])
    joined = texts.rename(columns={"variant": "row"}).groupby([*SPACE, "row"])["by_seed"].agg(" ".join)
    measured = measured.merge(joined, on=[*SPACE, "row"], how="left")
    networks = pd.DataFrame({"network": measured["network"].unique()})
    points = networks.merge(series(arms(results.runs, results.rows)), how="cross")
    return points.merge(measured, on=[*SPACE, "row"], how="left")[COLUMNS]


def setting_words(factor: str, setting: float) -> str:
    """A setting as it is printed: 1:4, 0.025, 1,000."""
    if factor == RATIO:
        return f"{setting:g}:1" if setting >= 1.0 else f"1:{1.0 / setting:g}"
    return f"{setting:,.9g}"


def page(table: pd.DataFrame, results: Results) -> str:
    """sweep.csv as Markdown."""
    title, titles, judgement = "# Sweep: the search space of the paper\n", results.titles, results.judgement
    if table.empty:
        return f"{title}\n{NONE_SELECTED}\n"
    chosen = ", ".join(f"{name} {setting_words(name, value)}" for name, value in PAPER_CHOICE.items())
    parts = [title, READ.format(chosen=chosen)]
    for heading, part in markdown.sections(table, titles, of="family"):
        parts.append(heading)
        for network, space in markdown.feature_spaces(part, judgement.primary_network):
            for (factor,), here in places(space, "factor"):
                lead: markdown.Columns = {
                    "Series": here["series"],
                    "Setting": map(setting_words, here["factor"], here["setting"]),
                    "Row": here["row"].map(titles),
                    "Maps": here["n_maps"].astype(str),
                }
                rows = markdown.distances_table(here, lead)
                parts += [f"### {FACTORS[factor]}, features of `{network}`\n", rows]
    return "\n".join([*parts, markdown.verdict_words(table, judgement, results.reference)])
