"""Relations between the values of a study: what it shows must exist, and its cells must fit the images."""

from collections.abc import Iterator
from pathlib import Path

from selfrefine.core.names import FLAW
from selfrefine.params import discriminators, job_config
from selfrefine.params.references import Params, Problem, Run
from selfrefine.params.words import nearest

TITLED = ("datasets", "models", "highlighters", "variants", "samplings", "masks")  # rows that pages call by name, too
PHOTOGRAPHS = ("n_practice", "n_catch", "n_real")  # of the test split, in this order


def relations(params: Params) -> Iterator[Problem]:
    """Values of studies that do not fit; the selection must be right."""
    for name, row in params["studies"].items():
        for section in TITLED:
            if name in params[section]:
                yield ("studies", name), f"is a row of {section}, too; choose another name"
        for leaf, section in (("dataset", "datasets"), ("model", "models")):
            if row[leaf] not in params[section]:
                yield (
                    ("studies", name, leaf),
                    f"is {row[leaf]}, which is no row of {section}{nearest(row[leaf], params[section])}",
                )
    for run in runs(params):
        yield from _numbers(run)


def missing(params: Params, root: Path) -> Iterator[Problem]:
    """Files and folders of a laboratory that are named and are not there.

    Args:
        params: the whole of params.yaml with the experiment's overlay.
        root: the project's folder.
    """
    for run in runs(params):
        text, answers = run.value("prepare_study", "consent"), run.value("evaluate_study", "answers")
        if text and not (root / text).is_file():
            message = f'is {text}, which is no file; put the consent\'s text there, or make it "" for ours'
            yield run.place("prepare_study", "consent"), message
        if answers and not (root / answers).is_dir():
            message = f'is {answers}, which is no folder; name that of the answers, or make it "" for none yet'
            yield run.place("evaluate_study", "answers"), message


def runs(params: Params) -> Iterator[Run]:
    """The values of each selected study whose model runs."""
    for name in job_config.selected(params, "studies"):
        run = job_config.run_of_study(params, name)
        yield Run(params, {"study": name, "dataset": run["dataset"], "model": run["model"]})


def photographs(run: Run) -> int:
    """Images of the test split that a study shows, with and without a planted flaw."""
    return sum(run.value("prepare_study", leaf) for leaf in PHOTOGRAPHS)


def _numbers(run: Run) -> Iterator[Problem]:
    """Cells that divide the image, a planted flaw of a pixel, and images within other images."""
    size, grid = run.value("prepare_data", "size"), run.value("prepare_study", "grid")
    if size % grid:
        message = f"is {grid}; allowed: a divisor of the side of the images, which is {size} px"
        yield run.place("prepare_study", "grid"), message
    if not round(run.value("prepare_study", "patch_share") * size):
        message = f"is {run.value('prepare_study', 'patch_share')}; allowed: at least 1 px of {size}"
        yield run.place("prepare_study", "patch_share"), message
    yield from run.at_most(("prepare_study", "n_repeats"), ("prepare_study", "n_generated"))
    if (asked := photographs(run)) > (most := run.value("prepare_data", "max_images")):
        message = f"makes {asked} photographs with n_catch and n_practice; allowed: at most max_images, which is {most}"
        yield run.place("prepare_study", "n_real"), message
    yield from _unseen(run)


def _unseen(run: Run) -> Iterator[Problem]:
    """Fakes that no highlighter has learned from."""
    if FLAW not in run.selected("highlighters"):
        return  # told elsewhere
    names = discriminators.trained_highlighters(run.params, run.names["dataset"], run.names["model"])
    draws = 1 + max(
        Run(run.params, {**run.names, "highlighter": name}).value("train_highlighter", "draw") for name in names
    )
    made, each = run.value("generate_fakes", "n_images"), run.value("train_highlighter", "n_fakes")
    if made - draws * each < (shown := run.value("prepare_study", "n_generated")):
        message = (
            f"is {shown}; allowed: at most {made - draws * each}, the fakes that no highlighter learns from: "
            f"generate_fakes.n_images, which is {made}, less shared.n_fakes, which is {each}, for each of {draws} draws"
        )
        yield run.place("prepare_study", "n_generated"), message
