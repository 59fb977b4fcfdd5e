"""The page of controls.csv: may it be said that the flaw map helps, and every difference with what speaks for it."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence

from selfrefine.metrics import contrasts
from selfrefine.metrics.contrasts import CONTROLS, Contrast
from selfrefine.report.markdown import EMPTY, between, markdown_table, number, percent, verdict_words
from selfrefine.report.seed_statistics import Judgement, Line
from selfrefine.report.tables.contrasts import NOT_A_CONTROL

NO_CONTROL = (
    "No control is selected: whether the flaw map helps, and not just any map, cannot be told. `select.variants` in "
    "params.yaml names what runs.\n"
)


def controls_page(
    table: Sequence[Line],
    found: Sequence[Contrast],
    controls: Mapping[str, Mapping[str, str]],
    *,
    judgement: Judgement,
    titles: Mapping[str, str],
) -> str:
    """controls.csv as Markdown.

    Args:
        table: from `control_table.lines`.
        found: the contrasts behind it.
        controls: from `control_table.controls_of`.
        judgement: reference, margin, seeds, the confirmatory list.
        titles: of data sets, models and variants.
    """
    parts = ["# Controls: is it the flaw map?\n", _how_to_read(judgement)]
    for dataset, model in dict.fromkeys((line["dataset"], line["model"]) for line in table):
        part = [line for line in table if (line["dataset"], line["model"]) == (dataset, model)]
        parts.append(f"## {titles[model]} on {titles[dataset]}\n\n{part[0]['scale']}.\n")
        here = [contrast for contrast in found if contrast.space[:2] == (dataset, model)]
        alike = {line["row"] for line in part if line["map_note"]}
        parts.append(_findings(here, controls, alike, judgement.primary_network, titles))
        networks = {line["network"] for line in part}
        for network in sorted(networks, key=lambda name: (name != judgement.primary_network, name)):
            parts.append(f"### Differences in features of `{network}`\n")
            parts.append(_differences([line for line in part if line["network"] == network], titles))
        parts += ["### Maps and read-outs\n", _maps(part, titles)]
    words = verdict_words({line["verdict"] for line in table}, judgement, "row that it is compared with")
    return "\n".join([*parts, words])


def _how_to_read(judgement: Judgement) -> str:
    listed = len(judgement.confirmatory)
    return (
        "- Change: of FD to test against the second row, of the same seed, mean over seeds; below 0 is better. "
        "Each seed's stands in `by_seed` of controls.csv, as difference of logarithms.\n"
        "- Second sampler: the change of the same networks under it; better and worse need the same sign there.\n"
        "- Over images: for these very models, where it was taken; it says nothing on another training run.\n"
        f"- Confirmatory: listed in params.yaml before the run ({listed or 'none'} of these), judged by p after Holm's "
        "correction. All others are exploratory: of many, some differ by chance.\n"
        "- r: correlation of the map used with the flaw map (mFAM) of the same refresh, and with the first one; a "
        "constant map has none. Another map with |r| > 0.5 is *not a control*: it points where the flaw map points.\n"
        "- Slope: the change of the predicted noise where the flaw map is high, against the reference; predicted: "
        "minus the forward weight, times the slope of the map used on the flaw map.\n"
        "- Place: log FD where the flaw map is high minus where it is low, against the reference; below 0: more was "
        "gained where it is high.\n"
        "- Critic: how much more a highlighter that no refinement has used calls the samples generated (mean logit), "
        "against the reference; below 0: they look more real to it.\n"
        "- [Brackets]: 95 % interval over seeds, of one seed over images.\n"
    )


def _findings(
    found: Iterable[Contrast],
    controls: Mapping[str, Mapping[str, str]],
    alike: Collection[str],
    network: str,
    titles: Mapping[str, str],
) -> str:
    """For each variant that has a control, whether the flaw map helps there; `alike` are rows that are no controls."""
    here, told = [contrast for contrast in found if contrast.space.network == network], []
    arms = {contrast.variant for contrast in here}  # not all variants run on all data sets
    for arm, rows in controls.items():
        if rows and arm in arms:
            finding = contrasts.flaw_map_helps(here, arm, rows)
            verb = "it may be said" if finding.helps else "it may not be said"
            unfit = [kind for kind, row in rows.items() if row in alike]
            note = f" But {NOT_A_CONTROL}, since it is like the flaw map: {', '.join(unfit)}." if unfit else ""
            told.append(f"- {titles[arm]}: {verb} that the flaw map helps ({finding.reason}).{note}\n")
    needed = f"That needs a direct contrast to each of {', '.join(CONTROLS)}, all better.\n"
    return f"{needed}\n{''.join(told)}" if told else NO_CONTROL


def _differences(part: Iterable[Line], titles: Mapping[str, str]) -> str:
    head = ("", "Against", "Change", "Second sampler", "Over images", "Over seeds", "p", "p, Holm", "Seeds", "Kind")
    rows = [
        (
            titles.get(line["row"], line["row"]),
            titles.get(line["reference"], line["reference"]),
            percent(line["difference"]),
            percent(line["second_difference"]),
            between(line["image_low"], line["image_high"]),
            between(line["low"], line["high"]),
            number(line["p"], ".2g"),
            number(line["p_holm"], ".2g"),
            str(line["n_seeds"]),
            line["kind"],
            line["verdict"],
        )
        for line in part
    ]
    return markdown_table((*head, "Verdict"), rows)


def _maps(part: Iterable[Line], titles: Mapping[str, str]) -> str:
    """One line for each variant that was trained, whatever it is compared with."""
    head = ("", "Mean", "Std", "r", "r, first", "Note", "Slope", "Predicted", "Place", "Critic")
    rows = {
        line["row"]: (
            titles.get(line["row"], line["row"]),
            *(number(line[f"map_{column}"], ".3f") for column in ("mean", "std", "r_mfam", "r_first")),
            line["map_note"] or EMPTY,
            _with_interval(line, "slope", "+.4f"),
            number(line["slope_predicted"], "+.4f"),
            _with_interval(line, "place", "+.3f"),
            _with_interval(line, "critic", "+.3f"),
        )
        for line in part
        if not all(math.isnan(line[column]) for column in ("map_mean", "slope_predicted", "slope", "place", "critic"))
    }
    return markdown_table(head, list(rows.values()))


def _with_interval(line: Line, name: str, style: str) -> str:
    ends = [line[f"{name}_low"], line[f"{name}_high"]]
    interval = f" [{', '.join(number(end, style) for end in ends)}]" if all(map(math.isfinite, ends)) else ""
    return number(line[name], style) + interval
