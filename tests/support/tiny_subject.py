"""What the benchmarks' tests share: a tiny model as a subject, a clock that only work moves, lines of a table."""

from typing import Any

import torch

from selfrefine.cost import bench_subject, refresh_cost
from selfrefine.cost.bench_subject import Subject
from selfrefine.guidance.refinement import Refinement
from tests.support.tiny import DIFFUSION, NETWORK, tiny_images, tiny_settings

SIZES = refresh_cost.Sizes(
    rounds=2,
    images=4,
    batches=(2, 4),
    cycles=(10, 100),
    refreshes=((4, 3),),
    reduced=((2, 2, 3),),
    authors_steps=5,
)


class WorkClock:
    """Seconds pass only by work; a machine that slows down makes each piece of work longer."""

    def __init__(self) -> None:
        self.now, self.slowness = 0.0, 1.0

    def __call__(self) -> float:
        return self.now

    def work(self, seconds: float) -> None:
        self.now += seconds * self.slowness


def tiny_subject(dtype: torch.dtype = torch.float32, **settings: Any) -> Subject:
    """The tiny DDPM with a highlighter of 32 px."""
    return Subject(
        family="ddpm",
        network=NETWORK,
        diffusion=DIFFUSION,
        settings=tiny_settings(**settings),
        refinement=Refinement("xt", 0.5, "kv", 0.5, cycle=4),
        highlighter=bench_subject.random_highlighter(32),
        images=tiny_images(),
        device=torch.device("cpu"),
        dtype=dtype,
    )


def counted_seconds(sizes: refresh_cost.Sizes = SIZES) -> dict[refresh_cost.Key, list[float]]:
    """Seconds by round of a machine that needs one for each evaluation of an image, three for its update, twice as long
    in every following round.
    """
    found: dict[refresh_cost.Key, float] = {}
    for batch in sizes.batches:
        found[refresh_cost.PLAIN, batch, 0] = found[refresh_cost.REFINING, batch, 0] = 3.0 * batch
        found |= {(kind, images, steps): images * steps for kind, images, steps in sizes.kinds(batch)}
        found |= {(refresh_cost.EXPLAIN, images, 0): 0.25 * images for _, images, _ in sizes.kinds(batch)}
    return {key: [value * 2.0**number for number in range(sizes.rounds)] for key, value in found.items()}
