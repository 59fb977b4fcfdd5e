"""The paper's search space (section 4.1): what cycle, ratio of the phases and weights do, one factor at a time.

Nothing is named by hand: rows that differ in one factor alone are a series, whatever the experiment calls them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from selfrefine.core import config_json, names
from selfrefine.core.names import HEADLINE
from selfrefine.report import seed_statistics
from selfrefine.report.markdown import EMPTY, between, distance_to_test, figure, markdown_table, percent, verdict_words
from selfrefine.report.results import Refined
from selfrefine.report.seed_statistics import Judgement, Line
from selfrefine.report.tables import dose_response
from selfrefine.report.tables.contrasts import FLAW_MAP

RATIO = "ratio"  # of the phases; all other factors are leaves of train_refined
FACTORS = {
    "cycle": "Cycle: steps between two maps",
    RATIO: "Ratio: base to refinement",
    "forward_weight": "Forward weight",
    "reverse_weight": "Reverse weight",
}
PAPER_CHOICE = {"cycle": 100, RATIO: 1.0, "forward_weight": 0.01, "reverse_weight": 0.025}  # section 4.3, of DDPM
PROCESS_OF = {"forward_weight": "forward", "reverse_weight": "reverse"}  # without which a weight does nothing
NONE_SELECTED = (
    "No two rows are selected that differ in one of the paper's factors alone (cycle, ratio of the phases, weights): "
    "the experiment sweep has them."
)
COPIED = ("value", "low", "high", "difference", "difference_low", "difference_high")
COPIED_TOO = ("image_difference_low", "image_difference_high", "verdict", "n_images", "n_seeds", "scale")
COLUMNS = [  # of sweep.csv, also where it has no line
    *("dataset", "family", "model", "network", "factor", "series", "setting", "row", "process", "map", "n_maps"),
    *(*COPIED, *COPIED_TOO, "by_seed"),
]


@dataclass(frozen=True)
class Arm:
    """One row of a data set and model: a point of a series.

    Args:
        key: data set, model, variant.
        family: the row of `models` that its model is in the place of; itself for most.
        values: the config of its refinement, without what does nothing there, and its ratio.
        n_maps: refreshes of its map in one seed.
    """

    key: tuple[str, str, str]
    family: str
    values: Mapping[str, Any]
    n_maps: int

    def alike(self, factor: str) -> str:
        """Equal for the arms of one series: all but the factor; a ratio moves the steps of both phases."""
        moved = (RATIO, "steps") if factor == RATIO else (factor,)
        left = {leaf: value for leaf, value in self.values.items() if leaf not in moved}
        return config_json.to_json([*self.place(factor), left])

    def place(self, factor: str) -> tuple[str, str]:
        """Where a series of the factor lies: on a data set in one model, or with another ratio in its family."""
        return self.key[0], self.family if factor == RATIO else self.key[1]

    @property
    def process(self) -> str:
        """Forward, reverse or both."""
        forward, reverse = self.values["forward"] != "none", self.values["reverse"] != "none"
        return (
            dose_response.BOTH if forward and reverse else dose_response.FORWARD if forward else dose_response.REVERSE
        )


def arms(runs: Iterable[Refined], rows: Mapping[str, Mapping[str, Any]]) -> list[Arm]:
    """Every row that has a process.

    Args:
        runs: of train_refined, all seeds.
        rows: section -> row -> words about it; data sets have `models`: model -> `steps` of both phases.
    """
    found = {}
    for run in runs:
        dataset, model, _ = run.key
        values = {leaf: value for leaf, value in run.config.items() if leaf != "names"}
        off = [process for process in PROCESS_OF.values() if values[process] == "none"]
        if values["gamma"] or len(off) == len(PROCESS_OF):
            continue
        base, refined = rows["datasets"][dataset]["models"][model]["steps"]
        values = {leaf: value for leaf, value in values.items() if PROCESS_OF.get(leaf) not in off}
        values |= {RATIO: base / refined, "total": base + refined}
        family = rows["models"][model].get("in_place_of", model)
        found[run.key] = Arm(run.key, family, values, len(run.refreshes))
    return list(found.values())


def series(all_arms: Sequence[Arm]) -> list[tuple[str, str, list[Arm]]]:
    """Every factor with its series: (factor, name, arms by rising setting); a series has two settings or more."""
    found = []
    for factor in FACTORS:
        groups: dict[str, list[Arm]] = {}
        for arm in all_arms:
            if arm.values.get(factor):  # the logarithm of a weight of 0 has no place
                groups.setdefault(arm.alike(factor), []).append(arm)
        kept = [group for group in groups.values() if len({arm.values[factor] for arm in group}) > 1]
        for group in kept:
            ordered = sorted(group, key=lambda arm: arm.values[factor])
            found.append((factor, _name(group[0], factor, kept), ordered))
    return found


def _name(arm: Arm, factor: str, groups: Sequence[Sequence[Arm]]) -> str:
    """Process and map of a series, and what else tells it from others of its process and map."""
    parts = [arm.process] + ([] if arm.values["map"] == FLAW_MAP else [f"map {arm.values['map']}"])
    if factor != RATIO and arm.key[1] != arm.family:
        parts.append(arm.key[1])
    twins = [
        other.values
        for other, *_ in groups
        if other.place(factor) == arm.place(factor)
        and (other.process, other.values["map"]) == (arm.process, arm.values["map"])
    ]
    moved = (factor, "steps")
    others = [
        leaf for leaf in arm.values if leaf not in moved and any(arm.values[leaf] != twin[leaf] for twin in twins)
    ]
    return ", ".join([*parts, *(f"{leaf} {arm.values[leaf]}" for leaf in others)])


def lines(
    table: Iterable[Line],
    metrics: Iterable[Line],
    runs: Iterable[Refined],
    reference: str,
    rows: Mapping[str, Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """The lines of sweep.csv: each point of each series, its difference taken to the reference of its own model.

    Args:
        table: all models, from `families.every_model`.
        metrics: tidy metrics of evaluate_generation, for the difference of each seed.
        runs: of train_refined, all models and seeds.
        reference: the variant that differences are taken to.
        rows: as for `arms`.
    """
    measured = {(line["dataset"], line["model"], line["row"], line["network"]): line for line in _headlines(table)}
    seeds = _by_seed(metrics, reference)
    found = []
    for network in dict.fromkeys(key[3] for key in measured):
        for factor, name, group in series(arms(runs, rows)):
            for arm in group:
                line = measured[(*arm.key, network)]
                found.append(
                    {"dataset": arm.key[0], "family": arm.family, "model": arm.key[1], "network": network}
                    | {"factor": factor, "series": name, "setting": arm.values[factor], "row": arm.key[2]}
                    | {"process": arm.process, "map": arm.values["map"], "n_maps": arm.n_maps}
                    | {column: line[column] for column in (*COPIED, *COPIED_TOO)}
                    | {"by_seed": seeds[(*arm.key, network)]}
                )
    return found


def _headlines(table: Iterable[Line]) -> list[Line]:
    return [line for line in table if line["metric"] == HEADLINE]


def _by_seed(metrics: Iterable[Line], reference: str) -> dict[tuple[str, ...], str]:
    """(data set, model, row, network) -> its difference to the reference in each seed, as in controls.csv."""
    table = seed_statistics.cells(metrics)
    return {
        (key.dataset, key.model, key.variant, key.network): " ".join(
            f"{seed}:{difference:.9g}"
            for seed, difference in zip(
                sorted(table[key].keys() & table[key._replace(variant=reference)].keys()),
                seed_statistics.differences_by_seed(table, key, reference),
                strict=True,
            )
        )
        for key in table
        if key.metric == HEADLINE and key.variant != names.FLOOR
    }


def setting_words(factor: str, setting: float) -> str:
    """A setting as it is printed: 1:4, 0.025, 1,000."""
    if factor == RATIO:
        return f"{setting:g}:1" if setting >= 1.0 else f"1:{1.0 / setting:g}"
    return f"{setting:,}"


def page(table: Sequence[Line], *, judgement: Judgement, titles: Mapping[str, str]) -> str:
    """sweep.csv as Markdown.

    Args:
        table: from `lines`.
        judgement: as for Table 2.
        titles: of data sets, models and variants.
    """
    title = "# Sweep: the search space of the paper\n"
    if not table:
        return f"{title}\n{NONE_SELECTED}\n"
    chosen = ", ".join(f"{name} {setting_words(name, value)}" for name, value in PAPER_CHOICE.items())
    told = (
        "One factor moves in each series, all else stays. FD, changes and intervals as in Table 2. Each row is "
        "compared with the baseline of its own model, also where the ratio of the phases makes it another one. "
        f"The paper chose {chosen} and prints no figure of the others. All changes here are exploratory: the best "
        "of many is no finding, and a choice made by them needs other seeds to be judged. The two processes may act "
        "against each other, and a uniform map shows what strength alone does.\n"
    )
    parts = [title, told]
    for dataset, family in dict.fromkeys((line["dataset"], line["family"]) for line in table):
        part = [line for line in table if (line["dataset"], line["family"]) == (dataset, family)]
        scales = "; ".join(dict.fromkeys(line["scale"] for line in part))
        parts.append(f"## {titles[family]} on {titles[dataset]}\n\n{scales}.\n")
        for network in sorted({line["network"] for line in part}, key=lambda n: (n != judgement.primary_network, n)):
            for factor, words in FACTORS.items():
                here = [line for line in part if (line["network"], line["factor"]) == (network, factor)]
                if here:
                    parts += [f"### {words}, features of `{network}`\n", _rows(here, titles)]
    words = verdict_words({line["verdict"] for line in table}, judgement, titles[judgement.reference])
    return "\n".join([*parts, words])


def _rows(part: Sequence[Line], titles: Mapping[str, str]) -> str:
    head = (
        "Series",
        "Setting",
        "Row",
        "Maps",
        distance_to_test(part),
        "Change",
        "Over images",
        "Over seeds",
        "Verdict",
    )
    rows = [
        (
            line["series"],
            setting_words(line["factor"], line["setting"]),
            titles[line["row"]],
            str(line["n_maps"]),
            figure(line, "#.4g", missing=" (no interval)"),
            percent(line["difference"]),
            between(line["image_difference_low"], line["image_difference_high"]),
            between(line["difference_low"], line["difference_high"]),
            line["verdict"] or EMPTY,
        )
        for line in part
    ]
    return markdown_table(head, rows)
