"""The page of controls.csv: may it be said that the flaw map helps, and every difference with what speaks for it."""

from collections.abc import Collection

import pandas as pd

from selfrefine.metrics.contrasts import CONTROLS, Contrast
from selfrefine.metrics.flaw_map_claim import flaw_map_helps
from selfrefine.report import costs, markdown
from selfrefine.report.markdown import EMPTY, number, percent
from selfrefine.report.results import Results
from selfrefine.report.seed_statistics import FIGURE, Line, records
from selfrefine.report.tables import noise_scale
from selfrefine.report.tables.contrasts import MOST_ALIKE, NOT_A_CONTROL, controls_of, is_half, judged

NO_CONTROL = (
    "No control is selected: whether the flaw map helps, and not just any map, cannot be told. `select.variants` in "
    "params.yaml names what runs.\n"
)
BEST_SCALE = (
    "- Best noise: the same network with its predicted noise times the factor that is best for it. FD measures above "
    "all how well the noise is calibrated, and such a factor costs no training: what a row gains against the second "
    "row, both at their best, is more than calibration.\n"
)


def page(table: pd.DataFrame, results: Results) -> str:
    """controls.csv as Markdown."""
    judgement, titles, found = results.judgement, results.titles, judged(results)
    controls = controls_of(results.of_mains(results.runs))
    parts = [
        "# Controls: is it the flaw map?\n",
        _how_to_read(results) + (BEST_SCALE if judgement.best_scale else "") + _half_words(table),
    ]
    for heading, part in markdown.sections(table, titles):
        place = tuple(part[["dataset", "model"]].iloc[0])
        here = [contrast for contrast in found if contrast.space == (*place, judgement.primary_network)]
        alike = set(part.loc[part["map_note"] != "", "row"])
        parts += [heading, _findings(here, controls, alike, titles)]
        for network, space in markdown.feature_spaces(part, judgement.primary_network):
            parts += [f"### Differences in features of `{network}`\n", _differences(space, titles)]
        parts += [noise_scale.section(results, *place)] if len(results.scales) else []
        parts += ["### Maps and read-outs\n", _maps(part, titles)]
    return "\n".join([*parts, markdown.verdict_words(table, judgement, "row that it is compared with")])


def _how_to_read(results: Results) -> str:
    listed = len(results.judgement.confirmatory)
    return (
        "- Change: of FD to test against the second row, of the same seed, mean over seeds; below 0 is better. "
        "Each seed's stands in `by_seed` of controls.csv, as difference of logarithms.\n"
        "- Second sampler: the change of the same networks under it, with its 95 % interval over seeds.\n"
        "- Over images: for these very models, where it was taken; it says nothing on another training run.\n"
        f"- Confirmatory: listed in params.yaml before the run ({listed or 'none'} of these), judged by p after Holm's "
        "correction. All others are exploratory: of many, some differ by chance.\n"
        "- r: correlation of the map used with the flaw map (mFAM) of the same refresh, and with the first one; a "
        "constant map has none. Another map is *not a control* with r > 0.5, where it points where the flaw map "
        "points, and with r < -0.5, where it points at all other places.\n"
        "- Slope: the change of the predicted noise where the flaw map is high, against the reference; predicted: "
        "minus the forward weight, times the slope of the map used on the flaw map. That is what training comes to "
        "once it has converged; after a short refinement the slope is nearer to 0.\n"
        "- Place: log FD where the flaw map is high minus where it is low, against the reference; below 0: more was "
        "gained where it is high.\n"
        "- Critic: how much more a highlighter that no refinement has used calls the samples generated (mean logit), "
        "against the reference; below 0: they look more real to it.\n"
        "- [Brackets]: 95 % interval over seeds, of one seed over images.\n"
        f"{costs.how_to_read(results)}"
    )


def _half_words(table: pd.DataFrame) -> str:
    """What half a difference is, where there is one."""
    if not any(map(is_half, records(table))):
        return ""
    return (
        "- Half: of two arms that differ in the sign of the map alone, half the difference of log FD is what the map's "
        "sign does; what both arms do alike drops out.\n"
    )


def _findings(
    found: list[Contrast], controls: dict[str, dict[str, str]], alike: Collection[str], titles: dict[str, str]
) -> str:
    """For each variant that has a control, whether the flaw map helps there; `alike` are rows that are no controls."""
    findings = []
    arms = {contrast.variant for contrast in found}  # not all variants run on all data sets
    for arm, rows in controls.items():
        if rows and arm in arms:
            finding = flaw_map_helps(found, arm, rows)
            verb = "it may be said" if finding.helps else "it may not be said"
            unfit = [kind for kind, row in rows.items() if row in alike]
            note = (
                f" But {NOT_A_CONTROL}, since its r with the flaw map is beyond +-{MOST_ALIKE:g}: {', '.join(unfit)}."
                if unfit
                else ""
            )
            findings.append(f"- {titles[arm]}: {verb} that the flaw map helps ({finding.reason}).{note}\n")
    needed = f"That needs a direct contrast to each of {', '.join(CONTROLS)}, as strong as the flaw map; all better.\n"
    return f"{needed}\n{''.join(findings)}" if findings else NO_CONTROL


def _differences(space: pd.DataFrame, titles: dict[str, str]) -> str:
    columns: markdown.Columns = {
        "": [titles.get(row, row) for row in space["row"]],
        "Against": [_against(line, titles) for line in records(space)],
        "Change": map(percent, space["difference"]),
        "Second sampler": [_second(line) for line in records(space)],
        "Over images": map(markdown.between, space["image_low"], space["image_high"]),
        "Over seeds": map(markdown.between, space["low"], space["high"]),
        "p": [number(p, ".2g") for p in space["p"]],
        "p, Holm": [number(p, ".2g") for p in space["p_holm"]],
        "Seeds": map(str, space["n_seeds"]),
        **costs.texts(space),
        "Kind": space["kind"],
        "Verdict": space["verdict"],
    }
    return markdown.columns_table(columns)


def _against(line: Line, titles: dict[str, str]) -> str:
    """The second row, and whether it is half the difference that is told."""
    return f"{titles.get(line['reference'], line['reference'])}{', half' * is_half(line)}"


def _second(line: Line) -> str:
    """The change under the second sampler and its interval."""
    ends = markdown.between(line["second_low"], line["second_high"])
    return percent(line["second_difference"]) + (f" [{ends}]" if ends != EMPTY else "")


def _maps(part: pd.DataFrame, titles: dict[str, str]) -> str:
    """One line for each variant that was trained, whatever it is compared with."""
    figures = ["map_mean", "slope_predicted", "slope", "place", "critic"]
    rows = part[part[figures].notna().any(axis=1)].drop_duplicates("row")
    means = {"Mean": "map_mean", "Std": "map_std", "r": "map_r_mfam", "r, first": "map_r_first"}
    columns: markdown.Columns = {
        "": [titles.get(row, row) for row in rows["row"]],
        **{heading: [number(value, ".3f") for value in rows[column]] for heading, column in means.items()},
        "Note": [note or EMPTY for note in rows["map_note"]],
        "Slope": [_with_interval(line, "slope", "+.4f") for line in records(rows)],
        "Predicted, converged": [number(slope, "+.4f") for slope in rows["slope_predicted"]],
        "Place": [_with_interval(line, "place", "+.3f") for line in records(rows)],
        "Critic": [_with_interval(line, "critic", "+.3f") for line in records(rows)],
    }
    return markdown.columns_table(columns)


def _with_interval(line: Line, name: str, style: str) -> str:
    ends = (name, f"{name}_low", f"{name}_high")
    return markdown.figure({end: line[column] for end, column in zip(FIGURE, ends, strict=True)}, style)
