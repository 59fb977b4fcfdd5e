"""What Table 6 reads of an imagined experiment, as evaluate_highlighter writes it, and its page."""

import numpy as np

from selfrefine.evidence import pointing_game
from selfrefine.report.tables import table6
from tests.support.tiny_results import REAL_PAPER, tiny_results, titled

STANDS_FOR = {"garments": "celeba_hq", "shoes": "church", "own": ""}
DATA = {name: {"title": name.capitalize(), "stands_for": there} for name, there in STANDS_FOR.items() if there}
DATA |= {"own": {"title": "Own"}}
FAMILIES = ("ddpm", "improved_ddpm", "uvit", "ldm")
ROWS = {
    "datasets": {name: words | {"main_model": ""} for name, words in DATA.items()},
    "models": titled({name: name.upper() for name in FAMILIES}),
    "variants": titled({"flaw": "A variant of that name"}),
    "highlighters": titled({"flaw": "Flaw highlighter", "label_shuffled": "Shuffled labels"}),
}


def planted():
    """Names and figures as the stage measures them."""
    draws, masks = np.random.default_rng(0), np.zeros((20, 16, 16))
    masks[:, 4:8, 4:8] = 1.0
    maps = {kind: draws.random((20, 64, 64)) for kind in ("fake_splice", "real_splice", "blur", "noise", "warp")}
    return pointing_game.measure(maps, masks, 4)


def metrics(datasets=("garments",), seeds=(0,), rows=("flaw", "label_shuffled"), model="ddpm"):
    """Tidy metrics; the accuracy of a seed is .9 + .01 seed."""
    found = []
    for dataset in datasets:
        for seed in seeds:
            for row in rows:
                scores = {"f1": 0.8, "p_real_gap": 0.7, "roc_auc": 0.95, "accuracy": 0.9 + 0.01 * seed}
                figures = {name: (value, value - 0.02, value + 0.02, 204) for name, value in scores.items()}
                if row == "flaw":
                    figures |= {f"shortcut_auc_{name}": (0.6, 0.55, 0.65, 204) for name in ("stored", "seen")}
                    figures |= {f"background_{name}": (0.4, 0.35, 0.45, 102) for name in ("mass", "share")}
                    figures["evidence_generated"] = (0.98, 0.95, 0.99, 102)
                    figures |= {name: (*vars(one).values(), 128) for name, one in planted().items()}
                for metric, (value, low, high, n_images) in figures.items():
                    line = {"dataset": dataset, "model": model, "variant": row, "seed": seed, "metric": metric}
                    line |= {"value": value, "low": low, "high": high, "n_images": n_images}
                    found.append(line | {"network": "highlighter", "sha256": "0" * 64})
    return found


def results(measured):
    places = dict.fromkeys((line["dataset"], line["model"]) for line in measured)
    figure = {"variant": "baseline", "metric": "fd_test", "value": 1.0, "seed": 0, "n_images": 9, "network": "vgg"}
    generation = [figure | {"dataset": dataset, "model": model} for dataset, model in places]
    return tiny_results(generation, rows=ROWS, paper=REAL_PAPER, highlighter=measured)


def page_of(measured):
    found = results(measured)
    return table6.page(table6.lines(found), found)
