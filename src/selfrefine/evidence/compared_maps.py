"""The maps that are compared with the flaw map: one per image, of generated and of real images (method 11.2)."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch.nn import functional

from selfrefine.core import devices, pixels, random_streams
from selfrefine.core.errors import InputError
from selfrefine.core.mirrored import Packed
from selfrefine.core.names import FLAW, MEAN, REAL_MAP, SINGLE
from selfrefine.core.progress import Progress
from selfrefine.evidence.jackknife_maps import Evidence, FixedMap, MeanMap, MomentGap
from selfrefine.guidance import control_maps
from selfrefine.highlighter.gradcam import CELL, flaw_activation_maps
from selfrefine.highlighter.model import Highlighter

FAKES, REALS = "fake", "real"
CHUNK = 64  # images explained together


def unseen_fakes(images: np.ndarray, n_images: int, n_fakes: int) -> np.ndarray:
    """The last `n_images` generated images, which no highlighter has seen.

    Args:
        images: all of generate_fakes; highlighters learn from the first ones.
        n_images: evaluate_maps.n_images.
        n_fakes: how many each highlighter learns from.

    Raises:
        InputError: too few to leave the last ones alone.
    """
    if len(images) < n_fakes + n_images:
        raise InputError(
            f"params.yaml: generate_fakes.n_images is {len(images)}; the highlighter learns from {n_fakes} and "
            f"evaluate_maps.n_images asks for {n_images} others: at least {n_fakes + n_images} needed"
        )
    return images[len(images) - n_images :]


def some_reals(images: Packed, n_images: int, seed: int) -> np.ndarray:
    """`n_images` real images of a random order that is one per seed; all, if there are fewer."""
    order = torch.randperm(len(images), generator=random_streams.stream(seed, "map_evidence", 0))
    chosen: np.ndarray = images[order[:n_images].sort().values.numpy()]
    return chosen


def single_maps(
    model: Highlighter, images: np.ndarray, source: str, *, seed: int, dtype: torch.dtype, label: str
) -> MeanMap:
    """The Grad-CAM of the fake class of each image, at the images' size; all highlighters see the same dither.

    Args:
        model: the highlighter.
        images: (N, H, W, 3) uint8.
        source: FAKES or REALS.
        seed: of the run.
        dtype: what the convolutions compute in.
        label: of the lines of progress.
    """
    device, found = model.mean.device, []
    # Image 0 of FAKES has stream 1, of REALS 2, and so on in turn: no index meets another.
    first = 1 + (source == REALS)
    with Progress(label, len(images), unit="image") as progress:
        for start in range(0, len(images), CHUNK):
            shown = pixels.to_float(images[start : start + CHUNK]).to(device)
            streams = [
                random_streams.stream(seed, "map_evidence", first + 2 * (start + row)) for row in range(len(shown))
            ]
            with devices.autocast(device, dtype):
                cams = flaw_activation_maps(model, shown, streams)
            # averages over areas are linear: the mean of these is gradcam.mean_map
            found.append(functional.interpolate(cams[:, None], size=shown.shape[2:], mode="area").flatten(1).cpu())
            progress.update(start + len(shown))
    return MeanMap(torch.cat(found).numpy(), source)


def without_highlighter(
    fakes: np.ndarray, moments: tuple[torch.Tensor, torch.Tensor], input_size: int
) -> dict[str, Evidence]:
    """The maps that need no gradient: where moments differ, where edges are, the centre.

    Args:
        fakes: (N, H, H, 3) uint8.
        moments: of all real training images, from `pixels.moments`.
        input_size: px that the highlighter sees, for the resolution of the gap.
    """
    levels = pixels.to_float(fakes)
    found = [control_maps.single_edges(pixels.quantise(part)).flatten(1) for part in torch.split(levels, CHUNK)]
    mean, std = (moment.cpu().double() for moment in moments)
    return {
        "moment_gap": MomentGap(levels.cpu().double(), mean, std, input_size // CELL, FAKES),
        "edge": MeanMap(torch.cat(found).numpy(), FAKES),
        "gaussian_center": FixedMap(control_maps.gaussian_center(fakes.shape[1]).flatten().cpu().double().numpy()),
    }


def in_order(cams: Mapping[str, MeanMap], others: Mapping[str, Evidence]) -> dict[str, Evidence]:
    """All maps as they are shown: the flaw map, that of real images, the other highlighters', the rest."""
    first = [name for name in (FLAW, REAL_MAP) if name in cams]
    return {name: cams[name] for name in [*first, *(name for name in cams if name not in first)]} | dict(others)


def arrays(evidence: Mapping[str, Evidence], images: np.ndarray, count: int) -> dict[str, np.ndarray]:
    """What maps.npz holds: `mean/{map}`, (H, H) float32; the first `count` generated images and their single maps.

    Args:
        evidence: all maps.
        images: the generated ones, (N, H, H, 3) uint8.
        count: of the examples.
    """
    side = images.shape[1:3]
    means = {f"{MEAN}{name}": part.value.reshape(side).astype(np.float32) for name, part in evidence.items()}
    singles = {
        f"{SINGLE}{name}": part.single[:count].reshape(-1, *side)
        for name, part in evidence.items()
        if isinstance(part, MeanMap) and part.source == FAKES
    }
    return {"images": np.array(images[:count])} | means | singles


def check(highlighters: Sequence[str], files: int) -> None:
    """Refuses a selection without the flaw map's highlighter, which all are compared with.

    Raises:
        InputError: it is missing, or names and files do not fit.
    """
    if FLAW not in highlighters or len(highlighters) != files:
        raise InputError(
            f"params.yaml: select.highlighters is {', '.join(highlighters) or 'empty'} ({files} files); evaluate_maps "
            f"compares with the row {FLAW}, which must be among them"
        )
