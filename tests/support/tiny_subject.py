"""What the tests of cost share: a tiny model as a subject, a clock that only work moves, seconds of a known machine."""

from typing import Any

import torch

from selfrefine.cost import refresh_cost
from selfrefine.cost.bench_subject import Sizes, Subject
from selfrefine.cost.flops import Network
from selfrefine.guidance.refinement import Refinement
from tests.support import tiny_highlighter
from tests.support.tiny import DIFFUSION, NETWORK, SIZE, tiny_images, tiny_pipeline, tiny_settings

SIZES = Sizes(
    rounds=2,
    images=4,
    batches=(2, 4),
    cycles=(10, 100),
    refreshes=((4, 3), (2, 3)),
    authors_steps=5,
    sampled=(4, 5),
    seconds=0.2,
)


class WorkClock:
    """Seconds pass only by work; a machine that slows down makes each piece of work longer."""

    def __init__(self) -> None:
        self.now, self.slowness = 0.0, 1.0

    def __call__(self) -> float:
        return self.now

    def work(self, seconds: float) -> None:
        self.now += seconds * self.slowness


def tiny_network(**changes: Any) -> Network:
    """The tiny DDPM's network, to be counted; `changes` replace leaves of NETWORK."""
    return Network(f"tiny {SIZE} px {changes}", lambda: tiny_pipeline(**changes).unet, ((3, SIZE, SIZE), ()))


def tiny_subject(dtype: torch.dtype = torch.float32, **settings: Any) -> Subject:
    """The tiny DDPM with a highlighter of 32 px."""
    return Subject(
        base={"family": "ddpm", "network": NETWORK, "diffusion": DIFFUSION},
        settings=tiny_settings(**settings),
        refinement=Refinement("xt", 0.5, "kv", 0.5, cycle=4),
        highlighter=tiny_highlighter.highlighter(32),
        images=tiny_images(),
        device=torch.device("cpu"),
        dtype=dtype,
    )


def counted_seconds(sizes: Sizes = SIZES) -> dict[refresh_cost.Key, list[float]]:
    """Seconds by round of a machine that needs one for each evaluation of an image, three for its update, twice as long
    in every following round.
    """
    found: dict[refresh_cost.Key, float] = {}
    for batch in sizes.batches:
        found[refresh_cost.PLAIN, batch, 0] = found[refresh_cost.REFINING, batch, 0] = 3.0 * batch
        found |= {(refresh_cost.REFRESH, images, steps): images * steps for images, steps in sizes.refreshes_of(batch)}
    return {key: [value * 2.0**number for number in range(sizes.rounds)] for key, value in found.items()}
