"""The smallest improved DDPM: a cosine schedule and a learned variance."""

from selfrefine import networks
from tests.support import tiny

DIFFUSION = {"schedule": "squaredcos_cap_v2", "timesteps": tiny.TIMESTEPS, "learned_variance": True}


def pipeline(learned=True, **network):
    leaves = DIFFUSION | {"learned_variance": learned}
    return networks.build("improved_ddpm", tiny.NETWORK | network, leaves, tiny.SIZE, seed=0)
