"""What evaluations ask of networks, and what they hold: see `work`."""

from collections.abc import Mapping
from math import ceil
from typing import Any

from selfrefine.core import names
from selfrefine.core.names import KINDS
from selfrefine.cost import loads, set_sizes
from selfrefine.cost.loads import DOUBLE, EXPLAINED, FLOAT, Held, Load, Run, Work, feature_space, images_of, places
from selfrefine.cost.made_networks import CLIP_BYTES
from selfrefine.evidence import self_disagreement
from selfrefine.evidence.planted_flaws import BLUR_REACH
from selfrefine.evidence.probes import CHUNK
from selfrefine.metrics import pairwise_blocks
from selfrefine.metrics.classification import RESAMPLES
from selfrefine.metrics.features import NETWORKS

BESIDE = 4  # copies of a row that the influence of its images on a distance is worked out with


def evaluates(stage: str, run: Run, values: Mapping[str, Any]) -> Work:
    """What a job of such a stage asks, by its loop."""
    match stage:
        case "evaluate_highlighter":
            sizes = 1 + len(values["planted_shares"])
            rows, planted = run.selected("highlighters"), len(KINDS) * values["n_planted"] * sizes
            for name in rows:
                yield Load("evaluate", run.highlighter(name), min(EXPLAINED, run.tenth), 2 * run.tenth)
            batch = min(EXPLAINED, max(run.tenth, values["n_planted"]))
            yield Load("evaluate", run.highlighter(), batch, (1 + ("unguarded" in rows)) * run.tenth + planted)
            held = images_of(run, values["n_planted"]) + 3 * RESAMPLES * DOUBLE * run.tenth
            yield Held(held + _blurred(run, values))
        case "evaluate_maps":
            for name in run.selected("highlighters"):
                yield Load(
                    "evaluate", run.highlighter(name), EXPLAINED, values["n_images"] * (1 + (name == names.FLAW))
                )
        case "evaluate_readouts":
            yield from _read_out(run, values)
        case "extract_features":  # of variants, samplings and the base model, or of photographs of both splits
            most = set_sizes.photographs(run.of("prepare_data"))
            real = min(2 * (values["n_reference"] or values["n_images"]), most)
            images = _rows(run) * values["n_images"] if "seed" in run.names else real
            for name in values["networks"]:
                yield Load("measure", feature_space(name), values["batch_size"], images)
                yield FLOAT * images * NETWORKS[name].WIDTH
        case "evaluate_generation":
            yield from _compared(run, run.of("extract_features"))
        case "evaluate_inpainting":
            batch, n_images = values["batch_size"], run.of("inpaint_images")["n_images"]
            results = 2 * len(run.selected("masks")) * len(values["variants"])  # with known pixels pasted and without
            for name in values["networks"]:
                yield Load("measure", feature_space(name), batch, (results + 1) * n_images)
            # LPIPS has AlexNet's convolutions; both images of a pair pass them, in both ranges
            perceptual = feature_space("alexnet_conv5_gap", values["lpips_size"])
            yield Load("measure", perceptual, batch, 4 * results * n_images)
        case "prepare_study":
            images = values["n_generated"]
            passes = images * len(values["levels"]) * values["draws"]
            yield Load("evaluate", run.network(), self_disagreement.CHUNK, passes)
            for name in values["highlighters"]:
                yield Load("evaluate", run.highlighter(name), EXPLAINED, images)
            shown = images + sum(values[f"n_{kind}"] for kind in ("repeats", "catch", "real", "practice"))
            yield images_of(run, images) + images_of(run, shown) // 2  # as an array, and as PNG of about half the size
        case "evaluate_prompts" if not values["clip_folder"]:
            images = (len(run.selected("variants")) + 1) * run.of("generate_samples")["n_images"]  # and photographs
            yield Load("measure", run.classifier(), values["batch_size"], images)
        case "evaluate_prompts":
            yield Held(CLIP_BYTES)


def _read_out(run: Run, values: Mapping[str, Any]) -> Work:
    """What all variants are read with: their noise of photographs, features of places, the critic."""
    variants, images, predicted = len(run.selected("variants")), values["n_images"], values["mechanism_images"]
    yield Load("measure", run.network(), min(CHUNK, predicted), variants * predicted)
    looked_at = (variants + 1) * images  # and the photographs
    yield Load("measure", places(values["input_size"]), min(CHUNK, images), looked_at)
    yield Load("evaluate", run.highlighter(names.CRITIC), min(EXPLAINED, images), variants * images)


def _compared(run: Run, values: Mapping[str, Any]) -> Work:
    """Pairs of images in each feature space: the kernel within the rows and to the photographs; radii of balls, of
    photographs also of as many as are in a row; what balls hold; nearest neighbours in both splits. Of photographs at
    most, as above.
    """
    rows, images, most = _rows(run), values["n_images"], values["n_reference"] or values["n_images"]
    test, train = (min(most, split(run.of("prepare_data"))) for split in (set_sizes.held_out, set_sizes.trained_on))
    equal = images**2 if images < test else 0  # radii of as many photographs
    within, across = images**2 * 3 // 2 + equal, 2 * images * test
    widths = [NETWORKS[name].WIDTH for name in values["networks"]]
    for width in widths:
        # The floor is a row, too; of the nearest neighbours there are as many of both splits.
        pairs = (rows + 1) * (within + across) + rows * 2 * images * min(train, test) + test**2 * 3 // 2
        yield Load("measure", loads.pairs(width), pairwise_blocks.SIDE, ceil(pairs / pairwise_blocks.SIDE))
    stored = FLOAT * sum(widths) * (rows * images + train + test)
    # Two rows and both splits at a time, and what the error of a distance is worked out with.
    yield Held(stored + DOUBLE * max(widths) * (2 * images + train + test + max(BESIDE * images, train)))


def _rows(run: Run) -> int:
    """Sets of generated images: variants, samplings and the base model."""
    return len(run.selected("variants")) + len(run.selected("samplings")) + 1


def _blurred(run: Run, values: Mapping[str, Any]) -> int:
    """What torch lays out to blur one image, which flaws are planted into one at a time: a copy for each tap."""
    largest = max([values["patch_share"], *values["planted_shares"]])
    reach: int = ceil(BLUR_REACH * values["patch_blur"] * round(largest * run.size))
    return 3 * DOUBLE * (2 * reach + 1) * run.size * (run.size + 2 * reach)
