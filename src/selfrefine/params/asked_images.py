"""Images that late jobs ask of a split, beside those that it has: told before the first job runs."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from selfrefine.core.errors import InputError
from selfrefine.params import constraints, job_config, references, study_constraints
from selfrefine.params.references import Params, Problem, Run

# From the config of prepare_data to the images of its splits `train` and `test` and the `classes` of the former; None
# where nothing is known of them.
Count = Callable[[Mapping[str, Any]], Mapping[str, int] | None]
LEAST_REALS = 10  # of train, that a highlighter can split


def too_many(params: Params, count: Count) -> Iterator[Problem]:
    """Leaves of what is selected that ask for more images than there are; the params must be right otherwise."""
    for name in job_config.selected(params, "datasets"):
        run = Run(params, {"dataset": name})
        prepared, given = run.value("prepare_data"), "source" if "source" in run.value("prepare_data") else "folder"
        try:
            found = count(prepared)
        except InputError as error:
            yield run.place("prepare_data", given), f"is {prepared[given]}; {error}"
            continue
        if found is not None:
            yield from _of_data_set(params, name, found, prepared[given])


def _of_data_set(params: Params, name: str, found: Mapping[str, int], given: str) -> Iterator[Problem]:
    """What is asked of one data set, by all models that run on it.

    Args:
        name: of the data set.
        found: see Count.
        given: its folder or source.
    """
    prepared = Run(params, {"dataset": name})
    least = prepared.value("prepare_data").get("minimum_images", 0)
    if (images := found["train"] + found["test"]) < least:
        message = f"is {least}; allowed: at most {images}, the images in {given}; add some, or lower it"
        yield prepared.place("prepare_data", "minimum_images"), message
    for run in references.runs(params):
        if run.names["dataset"] == name:
            for stage, leaf, split, asked in _asked(run):
                if asked > found[split]:
                    yield run.place(stage, leaf), f"is {asked}; allowed: at most {_all_there(found, split, given)}"
            yield from _too_few(run, found, given)
    for study in study_constraints.runs(params):
        if study.names["dataset"] == name and (asked := study_constraints.photographs(study)) > found["test"]:
            there = _all_there(found, "test", given)
            message = f"makes {asked} photographs with n_catch and n_practice; allowed: at most {there}"
            yield study.place("prepare_study", "n_real"), message


def _asked(run: Run) -> Iterator[tuple[str, str, str, int]]:
    """Stage, leaf and split of what is asked for, and how many."""
    leaves = [("evaluate_highlighter", "n_planted", "test")]
    if not run.value("extract_features", "n_reference"):
        leaves += [("extract_features", "n_images", split) for split in ("test", "train")]
    if run.selected("masks"):
        leaves.append(("inpaint_images", "n_images", "test"))
    if run.has_critic:
        leaves += [("evaluate_readouts", leaf, "test") for leaf in ("mechanism_images", "n_images")]
    for stage, leaf, split in leaves:
        yield stage, leaf, split, run.value(stage, leaf)


def _too_few(run: Run, found: Mapping[str, int], given: str) -> Iterator[Problem]:
    """Splits that are too small for anything, whatever the leaves say."""
    place = run.place("prepare_data", "source" if "source" in run.value("prepare_data") else "folder")
    if found["train"] < LEAST_REALS:
        yield place, f"gives {_all_there(found, 'train', given)}; {LEAST_REALS} needed by a highlighter"
    least = max(constraints.LEAST_IMAGES, run.value("evaluate_generation", "neighbours") + 1)
    if found["test"] < least:
        message = "needed, and more than evaluate_generation.neighbours"
        yield place, f"gives {_all_there(found, 'test', given)}; {least} {message}"
    prompted = job_config.is_prompted(run.params, run.names["dataset"], run.names["model"])
    if prompted and found["classes"] < 2 and not run.value("evaluate_prompts", "clip_folder"):
        message = "2 needed, where a classifier tells them apart; see evaluate_prompts"
        yield place, f"is {given}, whose training images are of {found['classes']} class; {message}"


def _all_there(found: Mapping[str, int], split: str, given: str) -> str:
    return f"{found[split]}, the images that {given} has for {split}"
