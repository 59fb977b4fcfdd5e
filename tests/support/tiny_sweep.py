"""An imagined experiment over the paper's search space, for the tests of the sweep's table and figure."""

import dataclasses

from tests.support import tiny_metrics
from tests.support.tiny_metrics import ROWS
from tests.support.tiny_refined import BOTH, Refined, refreshes
from tests.support.tiny_results import JUDGEMENT, tiny_results, titled

DEFAULT = BOTH | {"cycle": 100, "steps": 1000, "cam_target": "logit_difference"}
FORWARD, REVERSE = DEFAULT | {"reverse": "none"}, DEFAULT | {"forward": "none"}
# Row -> its leaves; the names say nothing of them.
LEAVES = {
    "baseline": DEFAULT | {"forward": "none", "reverse": "none"},
    "both": DEFAULT,
    "a": DEFAULT | {"cycle": 10},
    "b": DEFAULT | {"forward_weight": 0.1},
    "c": FORWARD,
    "d": FORWARD | {"forward_weight": 0.1},
    "e": REVERSE,
    "f": REVERSE | {"reverse_weight": 0.1},
    "g": REVERSE | {"reverse_weight": 0.1, "map": "uniform"},
    "h": REVERSE | {"map": "uniform"},
    "sham": DEFAULT | {"forward_weight": 0.0001, "reverse_weight": 0.00025},
    "authors": REVERSE | {"reverse_weight": 0.0},
    "ip": DEFAULT | {"forward": "none", "reverse": "none", "gamma": 0.1},
}
CYCLES = {f"cycle_{cycle}": DEFAULT | {"cycle": cycle} for cycle in (50, 500, 1000)}  # the paper's others
RATIOS = {"tiny": [1000, 1000], "short": [400, 1600], "other": [400, 800], "stranger": [400, 1600]}
DATA = ROWS["datasets"]["shapes"] | {"models": {name: {"steps": steps} for name, steps in RATIOS.items()}}
MODELS = {name: {"title": f"Model {name}", "in_place_of": "tiny"} for name in ("short", "other")}
WORDS = ROWS | {
    "datasets": {"shapes": DATA},
    "models": {"tiny": {"title": "Tiny DDPM"}, **MODELS, "stranger": {"title": "Another network"}},
    "variants": titled({name: f"Row {name}" for name in (*LEAVES, *CYCLES)}),
}


def run(row, model="tiny", seed=0, n_maps=3, **leaves):
    names = {"dataset": "shapes", "model": model, "variant": row, "seed": str(seed)}
    steps = {"steps": RATIOS[model][1]}
    return Refined(
        {**(LEAVES | CYCLES)[row], **steps, **leaves, "names": names}, refreshes([{"step": k} for k in range(n_maps)])
    )


RUNS = [run(row, seed=seed) for row in LEAVES for seed in range(2)]


def sweep_results(runs, seeds=2):
    """Results of an imagined run: FD of the k-th row is 10 + k, and 1 % more in each later seed."""
    names = [run.config["names"] for run in runs]
    metrics = []
    for number, model in enumerate(dict.fromkeys(name["model"] for name in names)):
        rows = dict.fromkeys(name["variant"] for name in names if name["model"] == model)
        own = {row: 10.0 * (number + 1) + k for k, row in enumerate(rows)} | {"fork": 20.0, "floor": 1.0}
        metrics += [line | {"model": model} for line in tiny_metrics.generation(own, seeds)]
    judgement = dataclasses.replace(JUDGEMENT, primary_network="alexnet_conv5_gap")
    return tiny_results(metrics, runs, rows=WORDS, judgement=judgement, experiment="sweep")
