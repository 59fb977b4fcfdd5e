"""The overlay of a rehearsal: the paper's, with few steps, fewer images, and nothing that is to be had by network only.

Networks, resolutions, maps, chunks and batches are the paper's; what is changed is named here, and nothing else is
(tests/cost/test_rehearsal_params.py).
"""

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from selfrefine.core import devices
from selfrefine.params import job_config

OF, NAME = "paper", "rehearsal"
STEPS = 2
LEAST_PHOTOGRAPHS = 160  # of a data set, of which some 16 are held out
LEAST = 16  # of any other number of images; two maps of 8 images are compared
ENCODER = "random_clip"  # by a name that no published text encoder has, whose weights would be compared with
CLIP = "downloads/clip_vit_l_14"

Rule = Callable[[Any, "Scale"], Any]


class Scale:
    """How numbers of images become fewer.

    Args:
        fraction: above 0, at most 1.
        fakes: the paper's shared.n_fakes.
        held_out: the least test split of all data sets.
    """

    def __init__(self, fraction: float, fakes: int, held_out: int) -> None:
        self.fraction, self.fakes, self.held_out = fraction, fakes, held_out

    def images(self, count: int, least: int = LEAST) -> int:
        """Of so many images those of the rehearsal: none stay none, few as they are."""
        return min(count, max(least, math.ceil(count * self.fraction)))


def _steps(value: int, _: Scale) -> int:
    return min(value, STEPS)


def _images(value: int, scale: Scale) -> int:
    return scale.images(value)


def _photographs(value: int, scale: Scale) -> int:
    return scale.images(value, LEAST_PHOTOGRAPHS)


def _tested(value: int, scale: Scale) -> int:
    return value if scale.fraction == 1.0 else min(scale.images(value), scale.held_out)


def _fakes(value: int, scale: Scale) -> int:
    """As many times those of a highlighter as before, and those that maps are compared on."""
    each, others = divmod(value, scale.fakes)
    return each * scale.images(scale.fakes) + scale.images(others)


def _together(value: int, scale: Scale) -> int:
    """A chunk or a batch is no larger than all samples of a row: what is beyond would be computed and cut."""
    return min(value, scale.images(scale.fakes))


def _once(_value: int, _: Scale) -> int:
    return 1


def _given(given: Any) -> Rule:
    return lambda _value, _scale: copy.copy(given)


# Stage, or section, and leaf -> what becomes of it, wherever it stands.
CHANGED: dict[tuple[str, str], Rule] = {
    ("shared", "threads"): lambda _value, _scale: devices.processors(),  # one job at a time: each may take all memory
    ("shared", "map_steps"): _steps,
    ("shared", "n_fakes"): _images,
    ("shared", "map_images"): _together,
    ("prepare_data", "minimum_images"): _photographs,
    ("prepare_data", "max_images"): _photographs,
    ("train_autoencoder", "n_images"): _tested,
    ("train_autoencoder", "batch_size"): _together,
    ("encode_data", "chunk_size"): _together,
    ("encode_captions", "chunk_size"): _together,
    ("encode_captions", "text_encoder"): _given(ENCODER),
    ("evaluate_prompts", "clip_folder"): _given(CLIP),
    ("evaluate_prompts", "batch_size"): _together,
    ("generate_fakes", "n_images"): _fakes,
    ("generate_fakes", "chunk_size"): _together,
    ("train_highlighter", "steps"): _steps,
    ("train_highlighter", "validate_every"): _steps,
    ("train_highlighter", "batch_size"): _together,
    ("evaluate_highlighter", "n_planted"): _tested,
    ("evaluate_maps", "n_images"): _images,
    ("generate_samples", "n_images"): _images,
    ("generate_samples", "steps"): _steps,
    ("generate_samples", "chunk_size"): _together,
    ("inpaint_images", "n_images"): _tested,
    ("inpaint_images", "steps"): _steps,
    ("inpaint_images", "chunk_size"): _together,
    ("evaluate_inpainting", "batch_size"): _together,
    ("extract_features", "n_images"): _images,
    ("extract_features", "n_reference"): _images,
    ("extract_features", "batch_size"): _together,
    ("evaluate_readouts", "mechanism_images"): _tested,
    ("evaluate_readouts", "n_images"): _tested,
    ("prepare_study", "n_generated"): _images,
    ("fetch_weights", "providers"): _given(["random"]),
}
CHANGED |= {(stage, leaf): _steps for stage in job_config.PHASES for leaf in ("steps", "checkpoint_every")}
CHANGED |= {(stage, "log_every"): _once for stage in job_config.PHASES}
CHANGED |= {
    ("train_base", "warmup_steps"): _steps,
    ("train_base", "batch_size"): _together,
    ("train_refined", "map_images"): _together,
}


def overlay(
    params: Mapping[str, Any], fraction: float, held_out: int, select: Mapping[str, list[str]]
) -> dict[str, Any]:
    """The leaves of the rehearsal that differ from params.yaml: those of the paper's overlay, and what is changed.

    Args:
        params: params.yaml with the paper's overlay.
        fraction: of numbers of images, above 0, at most 1.
        held_out: the least test split of all data sets, in images.
        select: rows that are selected in the place of the paper's, by section.
    """
    scale = Scale(fraction, params["shared"]["n_fakes"], held_out)
    made = {section: copy.deepcopy(params[section]) for section in params if section != "experiment"}
    for stage, leaf, holder in list(_leaves(made)):
        holder[leaf] = CHANGED[stage, leaf](holder[leaf], scale)
    made["text_encoders"] |= {ENCODER: _encoder(params)}
    made["select"] |= {section: list(rows) for section, rows in select.items()}
    return made


def _leaves(made: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each leaf that is changed, its stage or section, and the mapping that holds it: of sections, and of rows."""
    sections = [made] + [row for rows in job_config.ROWS for row in made.get(rows, {}).values()]
    for section in sections:
        for stage, leaf in CHANGED:
            holder = section.get(stage)
            if isinstance(holder, dict) and leaf in holder:
                yield stage, leaf, holder


def _encoder(params: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a CLIP that lies in the folder of the one that scores images, of which it is the text half."""
    return {
        "width": params["text_encoders"]["clip"]["width"],
        "fetch_text_encoder": {"providers": ["folder"], "folder": CLIP},
    }
