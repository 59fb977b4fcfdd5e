"""Relations of the rows that mend a model in other ways: a guide network, own samples."""

from collections.abc import Iterator

from selfrefine.core.names import FORK
from selfrefine.params import job_config
from selfrefine.params.references import Problem, Run

SCALE = ("generate_samples", "guide_scale")


def is_guided(run: Run) -> bool:
    """Whether a row of `samplings` is guided by another network."""
    return "guided_by" in run.params["samplings"][run.names["variant"]]


def no_guide(run: Run) -> Iterator[Problem]:
    """A guide is of rows of `samplings` alone."""
    if (scale := run.value(*SCALE)) != 1.0:
        message = f"is {scale}; allowed: 1; a row of samplings with guided_by may have another"
        yield run.place(*SCALE), message


def guided(run: Run) -> Iterator[Problem]:
    """A row of `samplings` has both, a guide and a scale, and differs from its variant in that alone."""
    name, scale = run.names["variant"], run.value(*SCALE)
    row, place = run.params["samplings"][name], ("samplings", name, "guided_by")
    guide = row.get("guided_by")
    if guide is None:
        if scale != 1.0:
            yield place, f"is missing; generate_samples.guide_scale {scale:g} needs the network that guides, or fork"
        return
    if guide != FORK:  # the base model always runs
        yield from run.unselected(place, [guide])
    if guide == row["of"]:
        yield place, f"is {guide}, the network that is guided; allowed: another one, or fork"
    if scale == 1.0:
        yield ("samplings", name, *SCALE), "is 1.0, which guides nothing; allowed beside guided_by: another number"
    for leaf in row.get(SCALE[0], {}).keys() - {SCALE[1]}:
        message = "stands beside guided_by, and the row would differ from its variant in both; delete one"
        yield ("samplings", name, SCALE[0], leaf), message


def own_samples(run: Run) -> Iterator[Problem]:
    """A variant that learns from the base model's samples has no map, and works on pixels."""
    if run.value("train_refined", "trained_on") != "own_samples":
        return
    place = run.place("train_refined", "trained_on")
    forward, reverse = (run.value("train_refined", leaf) for leaf in ("forward", "reverse"))
    if (forward, reverse) != ("none", "none"):
        yield place, "is own_samples; allowed: photographs unless forward and reverse are none"
    if (family := run.value("train_base", "family")) in job_config.LATENT_FAMILIES:
        message = (
            f"is own_samples; allowed with the family {family} of models.{run.names['model']}: photographs, since "
        )
        yield place, f"{message}samples are kept as pixels; only.variants of that row may leave the variant out"
