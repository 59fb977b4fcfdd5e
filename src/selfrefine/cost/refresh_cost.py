"""What the method costs: a refinement phase against plain training, measured and counted (method 3.1)."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch

from selfrefine.cost.bench_subject import SEED, Sizes, Subject
from selfrefine.cost.clock import Case, Line, spread
from selfrefine.cost.flops import count
from selfrefine.cost.loads import Run
from selfrefine.guidance.map_refresh import Guide, MapRecipe
from selfrefine.params import references
from selfrefine.training.trainer import Trainer

LIMIT = 1.05  # what a refinement phase is to cost at most: the aim of this project, not of the paper
PLAIN, REFINING, REFRESH = "plain", "refining", "refresh"
Key = tuple[str, int, int]  # kind; batch or images; steps, or 0


def phase_cost(plain: float, refining: float, refresh: float, cycle: int) -> float:
    """Seconds of a phase over those of as many plain updates: of one, of one with the map, of a refresh each cycle."""
    return (refining + refresh / cycle) / plain


def cost_by_evaluations(images: int, steps: int, batch: int, cycle: int) -> float:
    """The same, if an update is three evaluations of each image and all else is free: 1 + n S / (3 cycle B)."""
    return phase_cost(3.0 * batch, 3.0 * batch, images * steps, cycle)


def cases(subject: Subject, sizes: Sizes) -> dict[Key, Case]:
    """Updates of every batch, and every refresh as the loop of training makes it."""
    some_map = torch.rand(subject.images.shape[1:3], device=subject.device)
    found: dict[Key, Case] = {}
    for batch in sizes.batches:
        trainer, calls = subject.trainer(batch, subject.dtype), max(1, sizes.images // batch)
        found[PLAIN, batch, 0] = trainer.update, calls
        found[REFINING, batch, 0] = partial(trainer.update, some_map, subject.refinement), calls
    trainer = subject.trainer(1, subject.dtype)  # only its EMA weights are used
    for images, steps in dict.fromkeys(pair for batch in sizes.batches for pair in sizes.refreshes_of(batch)):
        how: dict[str, Any] = {"dtype": subject.dtype, "horizontal_flip": subject.settings.horizontal_flip}
        guide = Guide(MapRecipe(images, steps), trainer.schedule, subject.highlighter, subject.images, seed=SEED, **how)
        found[REFRESH, images, steps] = partial(_refresh, guide, trainer), 1
    return found


def _refresh(guide: Guide, trainer: Trainer) -> None:
    with trainer.ema_weights() as network:
        guide(network, 0)


def lines(seconds: Mapping[Key, Sequence[float]], sizes: Sizes) -> list[Line]:
    """The table from the seconds of all cases by round; `cost` is the median over rounds of the ratio."""
    found = []
    for batch in sizes.batches:
        plain, refining = seconds[PLAIN, batch, 0], seconds[REFINING, batch, 0]
        dearer = [one / other for one, other in zip(refining, plain, strict=True)]
        for images, steps in sizes.refreshes_of(batch):
            refresh = seconds[REFRESH, images, steps]
            shared: Line = {"batch": batch, "images": images, "steps": steps, "authors": steps == sizes.authors_steps}
            shared |= spread("refresh_seconds", refresh) | spread("map_in_update", dearer)
            for cycle in sizes.cycles:
                cost = [phase_cost(*round_, cycle) for round_ in zip(plain, refining, refresh, strict=True)]
                line = shared | {"cycle": cycle} | spread("cost", cost)
                found.append(line | {"by_evaluations": cost_by_evaluations(images, steps, batch, cycle)})
    return found


def counted(params: Mapping[str, Any], batches: Sequence[int], images: int, steps: int, cycle: int) -> list[Line]:
    """The cost by FLOPs of networks that this machine need not hold, as those of the paper (method 3.1, 8): one line
    for each distinct network of the whole params and each batch, at one refresh and cycle. An update with the map
    counts as a plain one: the map's products are nothing beside the network's.
    """
    found: dict[tuple[str, int, int], Line] = {}
    for names in (run.names for run in references.runs(params)):
        run = Run(params, names)
        network, title = run.network(), params["models"][names["model"]]["title"]
        each, explaining = count(network, "evaluate").flops, count(run.highlighter(), "evaluate").flops
        decoding = count(run.autoencoder("decoder"), "evaluate").flops if run.is_latent else 0
        refresh, update = images * (steps * each + decoding + explaining), count(network, "train").flops
        shared: Line = {"model": title, "size": run.size, "images": images, "steps": steps, "cycle": cycle}
        shared |= {"evaluation_gflops": each / 1e9, "explaining_gflops": explaining / 1e9}
        for batch in batches:
            cost = phase_cost(batch * update, batch * update, refresh, cycle)
            found[title, run.size, batch] = shared | {"batch": batch, "cost": cost}
    return list(found.values())
