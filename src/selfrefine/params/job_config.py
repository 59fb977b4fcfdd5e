"""The config of a job: merged from sections and rows of params.yaml. Standard library alone: the Snakefile uses it."""

from collections.abc import Mapping
from typing import Any

from selfrefine.core.names import BEST, CRITIC, FLAW
from selfrefine.params import row_costs

# Sections of params.yaml that hold rows, and the wildcard that names one of them; later rows win.
ROWS = {
    "studies": "study",
    "sources": "source",
    "weights": "weights",
    "text_encoders": "text_encoder",
    "datasets": "dataset",
    "models": "model",
    "highlighters": "highlighter",
    "variants": "variant",
    "samplings": "variant",
    "masks": "mask",
    "human_marks": "human_mark",
}

PHASES = ("train_base", "train_refined")
DIFFUSION = ("train_base", "generate_fakes", "train_refined", "choose_eps_scale", "generate_samples")
# The stages that only some families have.
LATENT, LATENT_FAMILIES = ("train_autoencoder", "encode_data"), ("ldm", "stable_diffusion")
PROMPTS = ("fetch_text_encoder", "encode_captions", "train_classifier", "evaluate_prompts")
PROMPTED_FAMILIES = ("stable_diffusion",)
INPAINTING = ("inpaint_images", "evaluate_inpainting")
STUDIES = ("prepare_study", "evaluate_study")
MEASURED_PAIRS = ("evaluate_inpainting", "evaluate_prompts")
HIGHLIGHTER = ("train_highlighter", "evaluate_highlighter", "evaluate_maps")
MEASURING = ("extract_features", "evaluate_readouts", "evaluate_human_marks", "prepare_study")
ON_A_DEVICE = (*LATENT, *DIFFUSION, *HIGHLIGHTER, *INPAINTING, *PROMPTS[1:], *MEASURING)
# Leaves of the section `shared` and the stages that read them.
SHARED = {
    "device": ON_A_DEVICE,
    "threads": (*ON_A_DEVICE, "evaluate_generation"),
    "precision": (
        *("train_autoencoder", *DIFFUSION, *HIGHLIGHTER),
        *("evaluate_readouts", "inpaint_images", "train_classifier", "evaluate_human_marks", "prepare_study"),
    ),
    "channels_last": (*DIFFUSION, "inpaint_images"),
    "compile": (*DIFFUSION, "inpaint_images"),
    "n_fakes": (*HIGHLIGHTER, "prepare_study"),
    "map_steps": ("generate_fakes", "train_refined"),
    "map_images": ("train_refined", "evaluate_maps"),
    "reference": ("evaluate_generation", "evaluate_readouts", *MEASURED_PAIRS, "make_tables", "make_figures"),
    "map_of": ("evaluate_readouts", "make_tables"),
}
# Leaves of another stage's section: what training does to images is done to real ones that generated ones are held
# against, too (method 11.1); a scale of the noise is chosen for images as they will be sampled and judged.
# Leaf -> whose it is, and who reads it.
BORROWED = {
    "horizontal_flip": ("train_base", (*HIGHLIGHTER, "choose_eps_scale", "extract_features", "evaluate_readouts")),
    **dict.fromkeys(("sampler", "steps", "chunk_size", "guidance_scale"), ("generate_samples", ("choose_eps_scale",))),
    "primary_network": ("make_tables", ("choose_eps_scale",)),
}
# Stages that measure all selected rows of a data set at once.
READERS = {
    "highlighters": ("evaluate_highlighter", "evaluate_maps"),
    "variants": ("extract_features", "evaluate_generation", "evaluate_readouts", "evaluate_prompts"),
    "samplings": ("extract_features", "evaluate_generation"),
    "masks": ("evaluate_inpainting",),
}
# Stages that read what is selected and the titles of the rows, but for sections whose stages make their own tables.
READERS_OF_ROWS, APART = ("make_tables", "make_figures"), ("human_marks",)


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the leaves of `over` laid over it; mappings merge, lists and scalars replace.

    Neither is changed; the result shares with them what only one of them has.
    """
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(value, Mapping) and isinstance(below, Mapping) else value
    return merged


def job(params: Mapping[str, Any], stage: str, wildcards: Mapping[str, str]) -> dict[str, Any]:
    """The config of one job.

    Args:
        params: the whole of params.yaml with the experiment's overlay.
        stage: the stage's name.
        wildcards: those of the job, without `experiment`.

    Returns:
        shared leaves of the stage < params[stage] < rows named by the wildcards, in the order of ROWS; leaves that it
        borrows as their owner has them; the wildcards themselves are its `names`. The fork has no row of its own.
    """
    config = {leaf: params["shared"][leaf] for leaf, stages in SHARED.items() if stage in stages}
    config = merge(config, params.get(stage, {}))
    for section, wildcard in ROWS.items():
        row = params.get(section, {}).get(wildcards.get(wildcard), {})
        config = merge(config, row.get(stage, {}))
    for leaf, (owner, stages) in BORROWED.items():
        lent = job(params, owner, wildcards) if stage in stages else {}
        config |= {leaf: lent[leaf]} if leaf in lent else {}
    config["names"] = dict(wildcards)
    for section, readers in READERS.items():
        if stage in readers:
            rows = selected(params, section, wildcards.get("dataset"), wildcards.get("model"))
            # Photographs are of no seed, and the same for all rows.
            config[section] = rows if "seed" in wildcards else []
    if stage == "evaluate_inpainting":
        config["variants"] = inpainted(params, wildcards.get("model"))
    if stage in STUDIES and "study" in wildcards:
        config["run"] = run = run_of_study(params, wildcards["study"])
        if stage == "prepare_study":
            config["title"] = params["studies"][wildcards["study"]]["title"]
            config["highlighters"] = highlighters_of_study(params, run["dataset"], run["model"])
    if stage in READERS_OF_ROWS:
        select = {name: list(chosen) for name, chosen in params["select"].items() if name not in APART}
        select |= {"datasets": selected(params, "datasets")}
        config |= {"experiment": params["experiment"], "select": select, "rows": _rows(params)}
    return config


def section_of(stage: str, leaf: str) -> str:
    """The section of params.yaml where a leaf of a stage's config stands, if no row holds it."""
    owner, readers = BORROWED.get(leaf, ("", ()))
    return owner if stage in readers else "shared" if stage in SHARED.get(leaf, ()) else stage


def selected(
    params: Mapping[str, Any], section: str, dataset: str | None = None, model: str | None = None
) -> list[Any]:
    """What runs, in the order of `select`: rows of a section, or seeds; of a data set, of a model what its row lets:
    those that `only` names, and so many of the seeds, the first ones.

    A data set that none of the selected models runs on does not run, nor does a study whose model does not.
    """
    names: list[Any] = list(params["select"].get(section, []))
    if section == "studies":
        return [name for name in names if _is_there(params, params["studies"][name], dataset, model)]
    if section == "datasets":
        return [name for name in names if selected(params, "models", name)]
    for rows, row in (("datasets", dataset), ("models", model)):
        only = params[rows].get(row, {}).get("only", {}).get(section, names)
        names = names[:only] if isinstance(only, int) else [name for name in names if name in only]
    return names


def _is_there(params: Mapping[str, Any], row: Mapping[str, Any], dataset: str | None, model: str | None) -> bool:
    """Whether the model that a row names runs on its data set; on a data set, with a model: whether it names these."""
    there = row["dataset"] in selected(params, "datasets") and row["model"] in selected(
        params, "models", row["dataset"]
    )
    return there and dataset in (None, row["dataset"]) and model in (None, row["model"])


def run_of_study(params: Mapping[str, Any], study: str) -> dict[str, str]:
    """Data set, model and seed of the images that a study shows; the seed is the first one, as in the figures."""
    names = {wildcard: str(params["studies"][study][wildcard]) for wildcard in ("dataset", "model")}
    return names | {"seed": str(selected(params, "seeds", **names)[0])}


def highlighters_of_study(params: Mapping[str, Any], dataset: str, model: str) -> list[str]:
    """Whose maps a study of a model compares."""
    return [name for name in (FLAW, CRITIC) if name in selected(params, "highlighters", dataset, model)]


def inpainted(params: Mapping[str, Any], model: str | None) -> list[str]:
    """The variants of a model that inpaint, as in Table 5: the reference and the model's self-refining one."""
    own = [params["models"][model]["self_refining"]] if model is not None else []
    return [params["shared"]["reference"], *own]


def with_best_scale(params: Mapping[str, Any], dataset: str | None = None, model: str | None = None) -> list[str]:
    """The selected rows of `samplings` whose noise has the best scale of their network."""
    return [name for name in selected(params, "samplings", dataset, model) if own_scale(params, name) == BEST]


def own_scale(params: Mapping[str, Any], sampling: str) -> float | str | None:
    """The scale of the noise that a row of `samplings` itself sets; None where it has that of all rows."""
    scale: float | str | None = params["samplings"][sampling].get("generate_samples", {}).get("eps_scale")
    return scale


def main_model(params: Mapping[str, Any], dataset: str) -> str | None:
    """What the tables and figures of one model show of a data set: the first of select.models or what is in its place.

    None where neither runs, as on a second size of a data set that only another family needs.
    """
    first, running = params["select"]["models"][0], selected(params, "models", dataset)
    mains = (name for name in running if first in (name, params["models"][name].get("in_place_of")))
    return next(mains, None)


def home(params: Mapping[str, Any], model: str) -> str | None:
    """The data set that Table 1 and Figure 5 show a model on: the first one, or one that stands for the same.

    None where it runs on neither.
    """
    datasets = selected(params, "datasets")
    place = params["datasets"][datasets[0]].get("stands_for") if datasets else None
    alike = [name for name in datasets[1:] if place and params["datasets"][name].get("stands_for") == place]
    return next((name for name in (*datasets[:1], *alike) if model in selected(params, "models", name)), None)


def is_latent(params: Mapping[str, Any], dataset: str, model: str) -> bool:
    """Whether a model works on latents of an autoencoder."""
    return job(params, "train_base", {"dataset": dataset, "model": model})["family"] in LATENT_FAMILIES


def is_prompted(params: Mapping[str, Any], dataset: str, model: str) -> bool:
    """Whether a model makes images from a text."""
    return job(params, "train_base", {"dataset": dataset, "model": model})["family"] in PROMPTED_FAMILIES


def _rows(params: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Words about the selected rows; of a data set its size, main model, and which run on it, how long, with what."""
    rows = {
        section: {name: _titles(params[section][name]) for name in selected(params, section)}
        for section in ROWS
        if section in params["select"] and section not in APART
    }
    for dataset, words in rows["datasets"].items():
        words["main_model"] = main_model(params, dataset) or ""
        words["size"] = job(params, "prepare_data", {"dataset": dataset})["size"]
        words["models"] = {model: _run(params, dataset, model) for model in selected(params, "models", dataset)}
    for name, words in rows["models"].items():
        words["home"] = home(params, name) or ""
    for name, words in rows["samplings"].items():
        words["correction"] = job(params, "generate_samples", {"variant": name})["correction"]
        words.update({} if (scale := own_scale(params, name)) is None else {"eps_scale": scale})
    return rows


def _run(params: Mapping[str, Any], dataset: str, model: str) -> dict[str, Any]:
    """Of a model on a data set: rows of each section that run, the steps of both phases, the cost of each row."""
    names = {"dataset": dataset, "model": model}
    rows = {section: selected(params, section, dataset, model) for section in READERS}
    of_rows = (rows["variants"], rows["samplings"], params["samplings"])
    costs = row_costs.of_rows(lambda stage, own: job(params, stage, names | own), *of_rows)
    steps = [job(params, phase, names)["steps"] for phase in PHASES]
    return rows | {"steps": steps, "costs": costs, "prompted": is_prompted(params, dataset, model)}


def _titles(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row without its sections: its title and other words about it."""
    return {key: value for key, value in row.items() if not isinstance(value, Mapping)}
