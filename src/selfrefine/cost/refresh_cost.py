"""What the method costs: a refinement phase against plain training, by batch, cycle and refresh (method 3.1)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from selfrefine.core import random_streams
from selfrefine.cost import clock as cost_clock
from selfrefine.cost.authors_refresh import STEPS, authors_map
from selfrefine.cost.bench_subject import SEED, Subject
from selfrefine.cost.clock import Case, Clock, Line
from selfrefine.guidance.map_refresh import Guide, MapRecipe
from selfrefine.training.trainer import Trainer

LIMIT = 1.05  # what a refinement phase may cost (design 8)
OURS, REDUCED, AUTHORS = "ours", "reduced", "authors"
PLAIN, REFINING, EXPLAIN = "plain", "refining", "explain"
Key = tuple[str, int, int]  # kind; batch or images; steps, or 0
Seconds = Mapping[Key, Sequence[float]]


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Args:
        rounds: of all cases.
        images: that the updates of one measurement learn from.
        batches: images per update.
        cycles: updates between two refreshes (the paper's search space).
        refreshes: (images, steps) of our refresh.
        reduced: (batch, images, steps) of the refresh for a small batch: images x steps <= 9 x batch (design 8), in few
            steps rather than of few images, since each step is a call and each image a Grad-CAM.
        authors_steps: of DDIM in the authors' refresh, of a batch of images.
    """

    rounds: int = 5
    images: int = 320
    batches: tuple[int, ...] = (8, 16, 64)
    cycles: tuple[int, ...] = (10, 50, 100, 500, 1000)
    refreshes: tuple[tuple[int, int], ...] = ((64, 10), (64, 25), (32, 10), (16, 10))
    reduced: tuple[tuple[int, int, int], ...] = ((8, 16, 4), (16, 16, 9))
    authors_steps: int = STEPS

    def kinds(self, batch: int) -> list[Key]:
        """The refreshes that this batch is refined with: (kind, images, steps)."""
        reduced = [(REDUCED, images, steps) for of_batch, images, steps in self.reduced if of_batch == batch]
        return [*((OURS, *pair) for pair in self.refreshes), *reduced, (AUTHORS, batch, self.authors_steps)]


def phase_cost(plain: float, refining: float, refresh: float, cycle: int) -> float:
    """Seconds of a refinement phase as a multiple of those of as many plain updates.

    Args:
        plain: seconds of a plain update.
        refining: of one with the map.
        refresh: of one refresh.
        cycle: updates between two refreshes.
    """
    return (refining + refresh / cycle) / plain


def cost_by_evaluations(images: int, steps: int, batch: int, cycle: int) -> float:
    """The same, if an update is three evaluations of each image and all else is free: 1 + n S / (3 cycle B)."""
    return phase_cost(3.0 * batch, 3.0 * batch, images * steps, cycle)


def measure(subject: Subject, sizes: Sizes, clock: Clock, tell: Callable[[str], None]) -> list[Line]:
    """One line for each batch, kind of refresh and cycle."""
    return lines(cost_clock.interleaved("cost of refinement", cases(subject, sizes), sizes.rounds, clock, tell), sizes)


def cases(subject: Subject, sizes: Sizes) -> dict[Key, Case]:
    """Updates of every batch, refreshes of every kind, and the part of a refresh that explains."""
    size = subject.size
    some_map = torch.linspace(0.0, 1.0, size * size, device=subject.device).reshape(size, size)
    found: dict[Key, Case] = {}
    for batch in sizes.batches:
        trainer, calls = subject.trainer(batch, subject.dtype), max(1, sizes.images // batch)
        found[PLAIN, batch, 0] = Case(trainer.update, calls)
        found[REFINING, batch, 0] = Case(_refining(trainer, some_map, subject), calls)
    trainer = subject.trainer(1, subject.dtype)  # only its EMA weights are used
    for kind, images, steps in dict.fromkeys(key for batch in sizes.batches for key in sizes.kinds(batch)):
        if kind == AUTHORS:  # its operations are warm by then, and it is dear
            found[kind, images, steps] = Case(_authors(subject, trainer, images, steps), warm_up=False)
            continue
        guide = _guide(subject, trainer, images, steps)
        found[kind, images, steps] = Case(_refresh(guide, trainer))
        found[EXPLAIN, images, 0] = Case(_explain(guide, subject, images))
    return found


def _guide(subject: Subject, trainer: Trainer, images: int, steps: int) -> Guide:
    return Guide(
        MapRecipe(images, steps),
        trainer.schedule,
        subject.highlighter,
        subject.images,
        seed=SEED,
        dtype=subject.dtype,
        horizontal_flip=subject.settings.horizontal_flip,
    )


def _refining(trainer: Trainer, some_map: Tensor, subject: Subject) -> Callable[[], object]:
    """An update that uses a map."""
    return lambda: trainer.update(some_map, subject.refinement)


def _refresh(guide: Guide, trainer: Trainer) -> Callable[[], object]:
    """A refresh as the loop of training makes it."""

    def refresh() -> None:
        with trainer.ema_weights() as network:
            guide(network, [])

    return refresh


def _explain(guide: Guide, subject: Subject, n: int) -> Callable[[], object]:
    """The part of a refresh that follows its images."""
    shape = (n, 1, subject.size, subject.size)
    streams = [random_streams.stream(SEED, "map_noise", row) for row in range(n)]
    images = random_streams.image_noise(streams, shape[1:]).clamp(-1.0, 1.0).to(subject.device)
    return lambda: guide.mean_map(subject.highlighter, images, streams)


def _authors(subject: Subject, trainer: Trainer, batch: int, steps: int) -> Callable[[], object]:
    """The authors' refresh."""

    def refresh() -> None:
        streams = [random_streams.stream(SEED, "map_noise", row) for row in range(batch)]
        with trainer.ema_weights() as network:
            authors_map(network, trainer.schedule, subject.highlighter, streams, steps=steps, dtype=subject.dtype)

    return refresh


def lines(seconds: Seconds, sizes: Sizes) -> list[Line]:
    """The table from the seconds of all cases by round; `cost` is the median over rounds of the ratio.

    `refresh_alone` is the cost if an update with the map took as long as a plain one: 1 + refresh / (cycle x update).
    """
    found = []
    for batch in sizes.batches:
        plain, refining = seconds[PLAIN, batch, 0], seconds[REFINING, batch, 0]
        for kind in sizes.kinds(batch):
            refresh, (name, images, steps) = seconds[kind], kind
            explain = seconds.get((EXPLAIN, images, 0)) if name != AUTHORS else None
            told: Line = {"batch": batch, "refresh": name, "images": images, "steps": steps}
            told |= {
                "update_seconds": cost_clock.spread(plain).value,
                "refresh_seconds": cost_clock.spread(refresh).value,
            }
            told["refining_over_plain_update"] = cost_clock.spread(cost_clock.quotients(refining, plain)).value
            told["share_of_explaining"] = (
                cost_clock.spread(cost_clock.quotients(explain, refresh)).value if explain else None
            )
            for cycle in sizes.cycles:
                by_round = zip(plain, refining, refresh, strict=True)
                cost = cost_clock.spread([phase_cost(*round_, cycle) for round_ in by_round])
                counted = cost_by_evaluations(images, steps, batch, cycle)
                alone = cost_clock.spread(
                    [phase_cost(one, one, other, cycle) for one, other in zip(plain, refresh, strict=True)]
                )
                line = {"cycle": cycle, "cost": cost.value, "low": cost.low, "high": cost.high}
                line |= {"refresh_alone": alone.value, "by_evaluations": counted}
                found.append(told | line | {"meets": cost.value <= LIMIT})
    return found
