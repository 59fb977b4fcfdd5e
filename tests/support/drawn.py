"""Images that are drawn with a network, always from the same noise, and the schedule of the DDPM."""

import numpy as np
import torch

from selfrefine.core import random_streams
from selfrefine.diffusion import sampling
from selfrefine.diffusion.noise_schedule import Schedule

ABAR = torch.from_numpy(np.cumprod(1.0 - np.linspace(1e-4, 0.02, 1000))).float()


def drawn(network, n=64, sampler="ddim", steps=25, schedule=None, purpose="evaluation"):
    """Images of a network, always from the same noise of a purpose."""
    streams = [random_streams.stream(0, purpose, number) for number in range(n)]
    schedule = schedule or Schedule(ABAR, bounded=False)
    return sampling.sample_chunk(network, schedule, streams, sampler=sampler, steps=steps, dtype=torch.float32)
