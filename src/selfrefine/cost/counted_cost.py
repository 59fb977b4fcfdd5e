"""What the method costs by FLOPs, of networks that this machine need not hold: those of the paper (method 3.1, 8)."""

from collections.abc import Mapping
from typing import Any

from selfrefine.cost import refresh_cost
from selfrefine.cost.clock import Line
from selfrefine.cost.flops import count
from selfrefine.cost.loads import TRAINING, Run
from selfrefine.params import references


def lines(params: Mapping[str, Any], batches: tuple[int, ...], images: int, steps: int, cycle: int) -> list[Line]:
    """One line for each distinct network of an experiment and each batch, with torch's own count of FLOPs.

    An update with the map counts as a plain one: the map's products are nothing beside the network's.

    Args:
        params: the whole of params.yaml with the experiment's overlay.
        batches: images per update.
        images: behind one map.
        steps: DDIM steps of each.
        cycle: updates between two refreshes.
    """
    found: dict[tuple[str, int, int], Line] = {}
    for names in (run.names for run in references.runs(params)):
        run = Run(params, names)
        network, highlighter, decoder = run.network(), run.highlighter(), run.autoencoder("decoder")
        each, explaining = count(network).flops, count(highlighter).flops
        refresh = images * (steps * each + explaining + (0 if decoder is None else count(decoder).flops))
        model = params["models"][names["model"]]["title"]
        told: Line = {"model": model, "size": network.size, "images": images, "steps": steps, "cycle": cycle}
        told |= {"evaluation_gflops": each / 1e9, "explaining_gflops": explaining / 1e9}
        for batch in batches:
            update = TRAINING * batch * each
            cost = refresh_cost.phase_cost(update, update, refresh, cycle)
            found[model, network.size, batch] = told | {
                "batch": batch,
                "cost": cost,
                "meets": cost <= refresh_cost.LIMIT,
            }
    return list(found.values())
