"""A rival of the flaw map that needs no labels and no classifier: where a diffusion network contradicts itself.

From one noised image a network predicts the clean one at any timestep. Where these predictions differ, it does not know
what belongs there. Aithal et al. (2024, "Understanding Hallucinations in Diffusion Models through Mode Interpolation",
arXiv 2406.09358) find bad samples by the variance of the predicted clean image over the last steps of their
sampling, one number an image; Graham et al. (2023, arXiv 2211.07740) reconstruct from several noise levels; De Vita &
Belagiannis (2025, arXiv 2412.00205) map the variance of repeated predictions at one timestep. Method 12.7.

# Not in paper. Ours is the map: the variance is kept for each pixel; the image is noised anew, with the same noise at
# all timesteps, so that any image has a map, not only one whose sampling was recorded; and the mean is taken over
# several noises. Timesteps are named by abar, so that they mean the same for every family.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from selfrefine.core import devices, pixels, random_streams
from selfrefine.core.errors import InputError
from selfrefine.core.progress import Progress
from selfrefine.diffusion import forward_process, prompts
from selfrefine.diffusion.autoencoder import LatentCodec
from selfrefine.diffusion.noise_schedule import Schedule
from selfrefine.diffusion.prompts import Captions

CHUNK = 16  # images at a time
CONTINUOUS_TIMES = 1000  # among which a network of continuous time has its levels looked up


@torch.no_grad()
def disagreement_maps(
    network: Any,
    schedule: Schedule,
    images: np.ndarray,
    *,
    numbers: Sequence[int],
    levels: Sequence[float],
    draws: int,
    seed: int,
    dtype: torch.dtype,
    codec: LatentCodec | None = None,
    captions: Captions | None = None,
    label: str = "disagreement",
) -> np.ndarray:
    """The standard deviation of the predicted clean image over timesteps, at each pixel: (N, H, W) float32, >= 0.

    Of a latent network the predictions are decoded first: people look at pixels, latents have no scale of the eye's.

    Args:
        network, schedule: of a pipeline of any family; codec: of a latent one.
        images: (N, H, W, 3) uint8, of the network's size.
        numbers: (N,), of each image, for its noise and its caption.
        levels: abar of the timesteps, two or more in (0, 1); the nearest of the schedule are taken.
        draws: noises of each image, at least 1.
        seed: of the run.
        dtype: what the network computes in.
        captions: of all images, where the network takes some.
        label: of the lines of progress.
    """
    network.eval()
    times, found = nearest_times(schedule, levels), []
    with Progress(label, len(images), unit="image") as progress:
        for start in range(0, len(images), CHUNK):
            rows, shown = list(numbers[start : start + CHUNK]), images[start : start + CHUNK]
            channels = network.config.in_channels if codec is None else codec.channels
            clean = pixels.to_float(shown, channels).to(network.device)
            clean = clean if codec is None else codec.encode(clean)
            # Streams below 0: evaluate_maps draws from those of the same purpose from 0 on.
            streams = [random_streams.stream(seed, "map_evidence", -1 - number) for number in rows]
            under, variances = prompts.prompted(network, captions, rows), []
            for _ in range(draws):
                noise = random_streams.image_noise(streams, tuple(clean.shape[1:])).to(network.device)
                with devices.autocast(network.device, dtype):
                    predicted = [_predicted(under, schedule, clean, noise, time) for time in times]
                if codec is not None:  # in float32
                    predicted = [codec.decode(latents) for latents in predicted]
                variances.append(_variance(predicted))
            found.append(torch.stack(variances).mean(dim=0).sqrt().cpu().numpy())
            progress.update(start + len(rows))
    return np.concatenate(found)


def nearest_times(schedule: Schedule, levels: Sequence[float]) -> list[tuple[float, float]]:
    """The times of a schedule whose abar are nearest to these, each with its own, from the noisiest; none twice.

    Raises:
        InputError: fewer than two.
    """
    steps = CONTINUOUS_TIMES if schedule.continuous else len(schedule.alphas_cumprod)
    known = [(time, level) for time, level, _ in schedule.chain(steps)]
    chosen = {min(known, key=lambda one: abs(one[1] - level)) for level in levels}
    if len(chosen) < 2:
        raise InputError(
            f"params.yaml: noise levels {', '.join(map(str, levels))} are {len(chosen)} of the schedule's {steps} "
            "timesteps; at least two different ones needed, as values of abar between 0 and 1"
        )
    return sorted(chosen, key=lambda one: one[1])


def _predicted(network: Any, schedule: Schedule, clean: Tensor, noise: Tensor, time: tuple[float, float]) -> Tensor:
    """What the network takes for the clean images or latents at one time, (n, C, H, W) float32; bounded as they are."""
    t, level = time
    noisy = forward_process.diffuse(clean, noise, torch.full((len(clean),), level, device=clean.device))
    output = network(noisy, torch.full((len(clean),), t, device=clean.device)).sample.float()
    predicted = forward_process.predicted_of(output, clean.shape[1])
    images = forward_process.images_of(predicted, noisy, level, schedule.prediction)
    return images.clamp(-1.0, 1.0) if schedule.bounded else images


def _variance(predicted: Sequence[Tensor]) -> Tensor:
    """Of each pixel over the predictions (n, C, H, W), the mean over its channels: (n, H, W) float32."""
    return torch.stack(list(predicted)).var(dim=0, correction=0).mean(dim=1)
