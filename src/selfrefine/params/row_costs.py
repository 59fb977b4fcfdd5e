"""What a row costs beside the others: updates of the networks behind it, and evaluations behind each of its images."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from selfrefine.core.names import FORK

# Of a stage and the wildcards of its own, the config on one data set with one model.
Read = Callable[[str, dict[str, str]], Mapping[str, Any]]


def passes(sampling: Mapping[str, Any]) -> int:
    """Evaluations of a network of its size in a step of sampling, from a config with the leaves of generate_samples.

    With the empty caption, too, where prompts guide; of the worse network, too, where one does.
    """
    return (1 + int(sampling["guidance_scale"] != 1.0)) * (1 + int(sampling.get("guide_scale", 1.0) != 1.0))


def evaluations(sampling: Mapping[str, Any]) -> int:
    """Evaluations behind an image, from the config of generate_samples.

    Those of the diffusion networks and, where a discriminator guides, one forward and backward pass of it a step.
    """
    return int(sampling["steps"] * (passes(sampling) + int(sampling.get("discriminator_scale", 0.0) != 0.0)))


def updates(refined: Mapping[str, Any]) -> int:
    """Updates of a refinement phase, from the config of train_refined."""
    return int(refined["steps"] + round(refined["extra_steps"] * refined["steps"]))


def of_rows(
    read: Read, variants: Iterable[str], samplings: Iterable[str], rows: Mapping[str, Mapping[str, Any]]
) -> dict[str, list[int]]:
    """Row -> updates of all networks behind it, the base phase counted once, and evaluations behind an image.

    A discriminator that guides a row is a network behind it. What else a refinement takes, a highlighter and the images
    behind its maps, is no part of either.

    Args:
        read: tells a config.
        variants: those that run.
        samplings: likewise.
        rows: all of `samplings`.
    """
    networks = {FORK: [FORK]} | {name: [name] for name in variants}
    networks |= {name: list(dict.fromkeys([rows[name]["of"], rows[name].get("guided_by", FORK)])) for name in samplings}
    base = read("train_base", {})["steps"]
    found = {}
    for row, behind in networks.items():
        phases = [updates(read("train_refined", {"variant": name})) for name in behind if name != FORK]
        if judge := rows.get(row, {}).get("discriminated_by"):
            phases.append(read("train_highlighter", {"highlighter": judge})["steps"])
        found[row] = [base + sum(phases), evaluations(read("generate_samples", {"variant": row}))]
    return found
