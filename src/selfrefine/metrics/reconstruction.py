"""How well an autoencoder reproduces images."""

from typing import Any

import numpy as np
import torch

from selfrefine.core import pixels
from selfrefine.diffusion.autoencoder import LatentCodec
from selfrefine.metrics import similarity
from selfrefine.metrics.intervals import Estimate, mean_interval


def round_trip(autoencoder: Any, images: np.ndarray, device: torch.device, batch_size: int) -> dict[str, Estimate]:
    """How well images survive encoding and decoding: psnr (dB), ssim; codes_used, the share of a codebook they need.

    Args:
        autoencoder: in evaluation mode, on `device`.
        images: held out, (N, H, W, 3) uint8.
        device: to compute on.
        batch_size: images together.
    """
    stage, found, codes = LatentCodec(autoencoder), list[np.ndarray](), set[int]()
    for start in range(0, len(images), batch_size):
        given = np.asarray(images[start : start + batch_size])
        latents = stage.encode(pixels.to_float(given, stage.channels).to(device))
        decoded = pixels.to_uint8(stage.decode(latents))
        # what is compared is what the network sees: of grey images three equal channels
        given = pixels.to_uint8(pixels.to_float(given, stage.channels))
        found.append(np.stack([similarity.psnr(decoded, given), similarity.ssim(decoded, given)]))
        if hasattr(autoencoder, "quantize"):
            with torch.no_grad():
                codes |= set(autoencoder.quantize(latents / stage.scale)[2][2].flatten().tolist())
    psnr, ssim = np.concatenate(found, axis=1)
    estimates = {"psnr": mean_interval(psnr), "ssim": mean_interval(ssim)}
    if codes:
        estimates["codes_used"] = Estimate(len(codes) / autoencoder.config.num_vq_embeddings)
    return estimates
