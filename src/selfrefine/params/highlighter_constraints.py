"""Relations between the values of highlighters: their fakes, the critic, the flaws that are planted for them."""

from collections.abc import Iterator

from selfrefine.core.names import CRITIC, FLAW
from selfrefine.params import discriminators
from selfrefine.params.references import Problem, Run


def highlighters(run: Run) -> Iterator[Problem]:
    """What does not fit, on one data set with one model."""
    yield from _planted(run)
    yield from _fakes(run)
    yield from _critic(run)


def _planted(run: Run) -> Iterator[Problem]:
    """Photographs to plant flaws into, and patches of a pixel."""
    yield from run.at_most(("evaluate_highlighter", "n_planted"), ("prepare_data", "max_images"))
    size = run.value("prepare_data", "size")
    share, others = (run.value("evaluate_highlighter", leaf) for leaf in ("patch_share", "planted_shares"))
    for leaf, value, shares in (("patch_share", share, [share]), ("planted_shares", others, others)):
        if not all(round(each * size) for each in shares):
            message = (
                f"is {value}; allowed: at least 1 px, a share of {1 / size:g} of prepare_data.size, which is {size}"
            )
            yield run.place("evaluate_highlighter", leaf), message


def _fakes(run: Run) -> Iterator[Problem]:
    """Fakes of their own for each draw of a highlighter, and others for the evaluation of their maps."""
    names = discriminators.trained_highlighters(run.params, run.names["dataset"], run.names["model"])
    draws = 1 + max(
        Run(run.params, {**run.names, "highlighter": name}).value("train_highlighter", "draw") for name in names
    )
    made, each = run.value("generate_fakes", "n_images"), run.value("train_highlighter", "n_fakes")
    explained = run.value("evaluate_maps", "n_images")
    if made < (needed := draws * each + explained):
        message = (
            f"is {made}; allowed: at least {needed}: shared.n_fakes, which is {each}, for each of {draws} draws of the "
            f"highlighters, and evaluate_maps.n_images, which is {explained}"
        )
        yield run.place("generate_fakes", "n_images"), message


def _critic(run: Run) -> Iterator[Problem]:
    """The critic is another highlighter than the one behind the maps."""
    if run.has_critic:
        draws = {
            name: Run(run.params, {**run.names, "highlighter": name}).value("train_highlighter", "draw")
            for name in (FLAW, CRITIC)
        }
        if draws[FLAW] == draws[CRITIC]:
            place = ("highlighters", CRITIC, "train_highlighter", "draw")  # also where the row holds none
            yield place, f"is {draws[CRITIC]}; allowed: another number than that of {FLAW}, whose maps it judges"
