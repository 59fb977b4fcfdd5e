"""One of the paper's tables alone: the params narrowed to what it shows, and the stages that it needs.

Models and images are those of the whole experiment. Where a table shows fewer rows of a model than the experiment has,
these are measured anew, in a folder of their own: the job has the wildcard `table`.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from selfrefine.core.names import FORK, MENDS
from selfrefine.params import job_config, model_kinds

Params = Mapping[str, Any]
Pair = tuple[str, str]  # data set, model

STAGE = "make_table"
WILDCARD = "table"
TABLES = tuple(f"table{number}" for number in range(1, 8))
# Rows of workflow/resources/paper_values.csv beside the reference (tests/params/test_one_table.py compares).
PROCESSES, METHOD, MAPS = ("forward", "reverse", "both"), "both", ("gaussian_center", "gaussian_inverted", "edge")
# What each table reads beside the highlighters' evaluation, which is on every page.
READS = {
    **dict.fromkeys(("table1", "table2", "table3", "table7"), ("train_refined", "evaluate_generation")),
    "table4": ("train_refined", "evaluate_generation", "evaluate_prompts"),
    "table5": ("train_refined", "evaluate_inpainting"),
    "table6": (),
}
# What stands behind all of these, and behind each.
BEFORE = (
    *("fetch_data", "fetch_weights", "fetch_text_encoder", "prepare_data", *job_config.LATENT, "encode_captions"),
    *("train_base", "generate_fakes", "train_highlighter", "evaluate_highlighter"),
)
BEHIND = {
    "evaluate_generation": ("generate_samples", "extract_features", "choose_eps_scale"),
    "evaluate_prompts": ("train_classifier",),
    "evaluate_inpainting": ("inpaint_images",),
}
MEASURED = ("extract_features", "evaluate_generation")  # stages that measure all rows of a model at once
JUDGED = ("table1", "table2", "table3", "table7")  # by make_tables.confirmatory


def job(params: Params, stage: str, names: Mapping[str, str]) -> dict[str, Any]:
    """`job_config.job`, also of jobs of one table alone; the config of `make_table` is that of `make_tables` on what
    the table shows, and `lacks`.
    """
    if WILDCARD not in names:
        return job_config.job(params, stage, names)
    table = names[WILDCARD]
    if stage != STAGE:
        return job_config.job(narrowed(params, table), stage, names)
    return job_config.job(narrowed(params, table), "make_tables", names) | {"lacks": list(lacks(params, table))}


def narrowed(params: Params, table: str) -> dict[str, Any]:
    """The params with the models and rows that a table shows, and no others."""
    pairs = _pairs(params, table)
    datasets = {
        dataset: {"only": {"models": [model for name, model in pairs if name == dataset]}}
        for dataset in job_config.selected(params, "datasets")
    }
    models: dict[str, Any] = {model: {"only": {"variants": [], "samplings": []}} for _, model in pairs}
    for dataset, model in pairs:
        only, variants = models[model]["only"], _variants(params, table, dataset, model)
        only["variants"] += variants
        only["samplings"] += _samplings(params, table, dataset, model, variants)
    found = job_config.merge(params, {"datasets": datasets, "models": models})
    if not any(stage in BEHIND for stage in READS[table]):  # only highlighters read weights
        found["weights"] = {"vgg16": params["weights"]["vgg16"]}
    return found


def stages(table: str) -> set[str]:
    """The stages that have a part in a table."""
    return {*BEFORE, *READS[table], *(stage for read in READS[table] for stage in BEHIND.get(read, ()))}


def read(params: Params, table: str, stage: str) -> list[dict[str, str]]:
    """Wildcards of the jobs of a stage that a table reads: by data set, then model, row, seed; with `table` where
    its rows are measured anew.
    """
    if stage not in stages(table):
        return []
    small, found = narrowed(params, table), []
    for dataset, model in _all_pairs(small):
        if not model_kinds.is_evaluated(small, stage, dataset, model):
            continue
        pair = {"dataset": dataset, "model": model}
        if stage in MEASURED and is_narrower(params, small, dataset, model):
            pair |= {WILDCARD: table}
        rows: Sequence[str] = [""]
        if stage in ("train_refined", "choose_eps_scale"):
            scaled = job_config.with_best_scale(small, dataset, model)
            rows = scaled if stage == "choose_eps_scale" else job_config.selected(small, "variants", dataset, model)
        for row in rows:
            own = {"variant": row} if row else {}
            found += [pair | own | {"seed": str(seed)} for seed in job_config.selected(small, "seeds", dataset, model)]
    return found


def is_narrower(params: Params, small: Params, dataset: str, model: str) -> bool:
    """Whether the narrowed params have fewer rows of a model on a data set than the whole ones."""
    return any(
        job_config.selected(small, section, dataset, model) != job_config.selected(params, section, dataset, model)
        for section in ("variants", "samplings")
    )


def lacks(params: Params, table: str) -> Iterator[str]:
    """What the table of a whole run has besides, in words; nothing where that is the same."""
    kept = set(_pairs(params, table))
    others = [pair for pair in _all_pairs(params) if pair not in kept]
    match table:
        case "table1":
            latent = [pair for pair in others if job_config.is_latent(params, *pair)]
            yield from (f"the autoencoder of {_title(params, pair)}" for pair in latent)
        case "table2":
            mains = [pair for pair in others if pair[1] == job_config.main_model(params, pair[0])]
            yield from (_title(params, pair) for pair in mains)
        case "table6":
            yield from (_title(params, pair) for pair in others)
            yield "whether maps of refinements were flat"


def _title(params: Params, pair: Pair) -> str:
    return f"{params['models'][pair[1]]['title']} on {params['datasets'][pair[0]]['title']}"


def _all_pairs(params: Params) -> list[Pair]:
    """Every data set with every model that runs on it."""
    datasets = job_config.selected(params, "datasets")
    return [(dataset, model) for dataset in datasets for model in job_config.selected(params, "models", dataset)]


def _pairs(params: Params, table: str) -> list[Pair]:
    """The models that a table shows, on their data sets."""
    every = _all_pairs(params)
    mains = [pair for pair in every if pair[1] == job_config.main_model(params, pair[0])]
    # A verdict that is corrected for what was listed before the run needs all that was listed.
    corrected = mains if table in JUDGED and params["make_tables"]["confirmatory"] else []
    return [pair for pair in every if pair in corrected or _is_shown(params, table, pair, mains)]


def _is_shown(params: Params, table: str, pair: Pair, mains: Sequence[Pair]) -> bool:
    """Whether a table is of a model on a data set; `mains` are the main models on theirs."""
    match table:
        case "table1":
            return pair[0] == job_config.home(params, pair[1])
        case "table2":
            return pair == mains[0]
        case "table3":
            return pair in mains
        case "table4":
            return job_config.is_prompted(params, *pair)
        case "table5":
            return bool(job_config.selected(params, "masks", *pair))
        case "table6":  # the paper's has no prompts
            return not job_config.is_prompted(params, *pair)
        case _:
            return pair in mains and bool(_other_maps(params, *pair))


def _variants(params: Params, table: str, dataset: str, model: str) -> list[str]:
    """The rows of `variants` that a table shows of a model."""
    refined = functools.partial(_refined, params, dataset, model)
    every = job_config.selected(params, "variants", dataset, model)
    shown = {params["shared"]["reference"]}
    match table:
        case "table1" | "table5":
            shown |= {params["models"][model]["self_refining"]}
        case "table2":  # and what is trained without a map
            shown |= {*PROCESSES, *(row for row in every if {refined(row)[leaf] for leaf in _PARTS} == {"none"})}
        case "table3":
            shown |= {METHOD}
        case "table4" | "table6":
            shown |= {*every}
        case "table7":
            shown |= {METHOD, *_other_maps(params, dataset, model)}
    if table in JUDGED and model == job_config.main_model(params, dataset):
        shown |= {row for pair in params["make_tables"]["confirmatory"] for row in pair[:2]}
    return [row for row in every if row in shown]


_PARTS = ("forward", "reverse")


def _refined(params: Params, dataset: str, model: str, variant: str) -> dict[str, Any]:
    return job_config.job(params, "train_refined", {"dataset": dataset, "model": model, "variant": variant})


def _other_maps(params: Params, dataset: str, model: str) -> list[str]:
    """Rows with a map of the paper's Table 7, as it is or matched."""
    every = job_config.selected(params, "variants", dataset, model)
    maps = {row: _refined(params, dataset, model, row)["map"] for row in every}
    return [row for row, used in maps.items() if used in MAPS and row in (used, f"{used}_matched")]


def _samplings(params: Params, table: str, dataset: str, model: str, variants: Sequence[str]) -> Iterator[str]:
    """Rows of `samplings` that bear on a verdict on these variants; of Table 2 also those that it shows."""
    for name in job_config.selected(params, "samplings", dataset, model):
        row = params["samplings"][name]
        leaves = job_config.job(params, "generate_samples", {"variant": name})
        mended = bool({*MENDS} & {*row, *row.get("generate_samples", {})})
        second = leaves["correction"] == "none" and not mended and row["of"] in variants
        if second or (table == "table2" and mended and row["of"] in (*variants, FORK)):
            yield name
