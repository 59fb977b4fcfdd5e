"""What a row costs beside the others: updates of the networks behind it, and evaluations behind each of its images."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from selfrefine.core.names import FORK

Read = Callable[[str, str], Mapping[str, Any]]  # of a stage and a row, the config on one data set with one model


def passes(sampling: Mapping[str, Any]) -> int:
    """Evaluations of a network of its size in a step of sampling, from a config with the leaves of generate_samples.

    With the empty caption, too, where prompts guide; of the worse network, too, where one does.
    """
    return (1 + int(sampling["guidance_scale"] != 1.0)) * (1 + int(sampling.get("guide_scale", 1.0) != 1.0))


def updates(refined: Mapping[str, Any]) -> int:
    """Updates of a refinement phase, from the config of train_refined."""
    return int(refined["steps"] + round(refined["extra_steps"] * refined["steps"]))


def of_rows(
    read: Read, variants: Iterable[str], samplings: Iterable[str], rows: Mapping[str, Mapping[str, Any]]
) -> dict[str, list[int]]:
    """Row -> updates of all networks behind it, the base phase counted once, and evaluations behind an image.

    What else a refinement takes, a highlighter and the images behind its maps, is no part of either.

    Args:
        read: tells a config.
        variants: those that run.
        samplings: likewise.
        rows: all of `samplings`.
    """
    networks = {FORK: [FORK]} | {name: [name] for name in variants}
    networks |= {name: list(dict.fromkeys([rows[name]["of"], rows[name].get("guided_by", FORK)])) for name in samplings}
    base = read("train_base", FORK)["steps"]
    found = {}
    for row, behind in networks.items():
        phases = [updates(read("train_refined", name)) for name in behind if name != FORK]
        sampling = read("generate_samples", row)
        found[row] = [base + sum(phases), sampling["steps"] * passes(sampling)]
    return found
