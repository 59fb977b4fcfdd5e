"""Relations of the rows that mend a model in other ways: a guide network, a discriminator, own samples."""

from collections.abc import Iterator

from selfrefine.core.names import FORK
from selfrefine.params import job_config
from selfrefine.params.references import Problem, Run
from selfrefine.params.words import nearest

SCALE = ("generate_samples", "guide_scale")
DISCRIMINATOR = ("generate_samples", "discriminator_scale")


def is_guided(run: Run) -> bool:
    """Whether a row of `samplings` is guided by another network or a discriminator."""
    return bool({"guided_by", "discriminated_by"} & {*run.params["samplings"][run.names["variant"]]})


def no_guide(run: Run) -> Iterator[Problem]:
    """A guide is of rows of `samplings` alone."""
    if (scale := run.value(*SCALE)) != 1.0:
        message = f"is {scale}; allowed: 1; a row of samplings with guided_by may have another"
        yield run.place(*SCALE), message
    if (scale := run.value(*DISCRIMINATOR)) != 0.0:
        message = f"is {scale}; allowed: 0; a row of samplings with discriminated_by may have another"
        yield run.place(*DISCRIMINATOR), message


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
    yield from _alone(run, "guided_by", SCALE[1])


def _alone(run: Run, key: str, scale: str) -> Iterator[Problem]:
    """What stands in a row of `samplings` beside the guide under this key and its scale."""
    name = run.names["variant"]
    row = run.params["samplings"][name]
    message = f"stands beside {key}, and the row would differ from its variant in both; delete one"
    if key != "guided_by" and "guided_by" in row:
        yield ("samplings", name, "guided_by"), message
    for leaf in row.get("generate_samples", {}).keys() - {scale}:
        yield ("samplings", name, "generate_samples", leaf), message


def discriminated(run: Run) -> Iterator[Problem]:
    """A row of `samplings` has both, a discriminator of noisy images and a scale; that is all of it, and on pixels."""
    name, scale = run.names["variant"], run.value(*DISCRIMINATOR)
    judge, place = run.params["samplings"][name].get("discriminated_by"), ("samplings", name, "discriminated_by")
    if judge is None:
        if scale != 0.0:
            yield place, f"is missing; {'.'.join(DISCRIMINATOR)} {scale:g} needs a highlighter of noisy images"
        return
    of_judge = Run(run.params, {**run.names, "highlighter": judge})
    if judge not in (highlighters := run.params["highlighters"]):
        yield place, f"is {judge}, which is no row of highlighters{nearest(judge, highlighters)}"
    elif not of_judge.value("train_highlighter", "noised"):
        yield place, f"is {judge}, whose train_highlighter.noised is false; allowed: a highlighter of noisy images"
    elif of_judge.value("train_highlighter", "shortcut_guard"):
        message = "is true; allowed beside noised: false, since guarded levels are rounded and have no gradient"
        yield of_judge.place("train_highlighter", "shortcut_guard"), message
    if scale == 0.0:
        message = "is 0.0, which guides nothing; allowed beside discriminated_by: another number"
        yield ("samplings", name, *DISCRIMINATOR), message
    yield from _alone(run, "discriminated_by", DISCRIMINATOR[1])
    if (family := run.value("train_base", "family")) in job_config.LATENT_FAMILIES:
        message = (
            f"is {judge}; allowed with the family {family} of models.{run.names['model']}: none, since highlighters "
        )
        yield place, f"{message}see pixels; only.samplings of that row may leave the row out"


def of_clean_images(run: Run) -> Iterator[Problem]:
    """Selected highlighters are behind maps and tables, which are of clean images."""
    for name in run.selected("highlighters"):
        row = Run(run.params, {**run.names, "highlighter": name})
        if row.value("train_highlighter", "noised"):
            message = (
                f"is true for {name}, which is in select.highlighters; allowed: false there; a highlighter of noisy "
            )
            yield (
                row.place("train_highlighter", "noised"),
                f"{message}images is trained where discriminated_by names it",
            )


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
