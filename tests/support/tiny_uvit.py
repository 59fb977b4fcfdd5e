"""U-ViT at its smallest: two blocks and the middle one, four patches and the time."""

from typing import Any

from selfrefine import networks

SIZE = 8
NETWORK: dict[str, Any] = {
    "channels": 3,
    "patch_size": 4,
    "dim": 16,
    "depth": 2,
    "heads": 2,
    "mlp_ratio": 2,
    "final_convolution": True,
}
DIFFUSION: dict[str, Any] = {"schedule": "vp_sde", "timesteps": 1000}


def tiny_pipeline(seed: int = 0, size: int = SIZE, schedule: str = "vp_sde", **network: Any) -> networks.Pipeline:
    """An untrained U-ViT pipeline; `network` replaces leaves of NETWORK."""
    return networks.build("uvit", NETWORK | network, DIFFUSION | {"schedule": schedule}, size, seed)
