"""Every pair of switches of training: it runs, and what only saves memory or time changes no weight.

Each case is trained twice, through the loop: once with batches in parts, activations made again, or an interruption,
as it says, and once with none of these.
"""

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from selfrefine.guidance.attention_modulation import build_projectors
from selfrefine.guidance.map_history import MapHistory
from selfrefine.guidance.refinement import Maps, Refinement
from selfrefine.training import loop
from selfrefine.training.trainer import Trainer
from tests.support import pairwise, tiny_trainers
from tests.support.tiny_trainers import FAMILIES, LATENT, some_map

STEPS = 4
PROCESSES: dict[str, dict[str, Any]] = {
    "forward": {"forward": "xt", "reverse": "none"},
    "weighted": {"forward": "loss_weight", "reverse": "v"},
    "reverse": {"forward": "none", "reverse": "kv"},
    "both": {"forward": "xt", "reverse": "kv"},
}
SWITCHES: dict[str, list[Any]] = {
    "family": FAMILIES,
    "process": list(PROCESSES),
    "projection": ["identity", "conv1x1", "conv3", "conv_residual"],
    "layers": ["all", "no_mid"],
    "gradient_accumulation": [1, 2, 4],
    "gradient_checkpointing": [False, True],
    "interrupted": [False, True],
    "ema_decay": [0.0, 0.9],
    "precision": [torch.float32, torch.bfloat16],
    "horizontal_flip": [False, True],
}
SAVING = {"gradient_accumulation": 1, "gradient_checkpointing": False, "interrupted": False}


def allowed(case: pairwise.Case) -> bool:
    """What params allow: no mirrored latents, no projection without a reverse process."""
    reverse = PROCESSES[case["process"]]["reverse"] != "none"
    return not (case["horizontal_flip"] and case["family"] in LATENT) and (
        reverse or (case["projection"], case["layers"]) == ("identity", "all")
    )


CASES = pairwise.cases(SWITCHES, allowed)


class KilledError(Exception):
    """Whatever ends a job in the middle."""


def trained(case: pairwise.Case, scratch: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights before and after the phase; one that is interrupted dies in its last update and goes on from the disk."""
    scratch.mkdir()
    if case["interrupted"]:
        with pytest.raises(KilledError):
            phase(case, scratch, dies=True)
    return phase(case, scratch)


def phase(case: pairwise.Case, scratch: Path, *, dies: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """Trains from wherever `scratch` stands; initial and last weights."""
    settings = {name: case[name] for name in (*list(SAVING)[:2], "ema_decay", "horizontal_flip")}
    trainer = tiny_trainers.trainer(case["family"], dtype=case["precision"], caption_dropout=0.5, **settings)
    refinement = Refinement(
        **PROCESSES[case["process"]],
        forward_weight=0.5,
        reverse_weight=0.5,
        cycle=2,
        projection=case["projection"],
        layers=case["layers"],
    )
    trainer.add_projectors(build_projectors(trainer.network, refinement.projection, refinement.layers, seed=0))
    for group in trainer.optimiser.param_groups:
        group["eps"] = 1e-3  # AdamW would divide the rounding errors of gradients that are 0 up to whole steps
    trainer.network.register_forward_pre_hook(lambda *_: _die(trainer) if dies else None)
    start = weights(trainer)

    def maps(_network: nn.Module, number: int, _first: torch.Tensor | None) -> Maps:
        found = some_map(trainer, number)
        return Maps(found, found)

    loop.run_phase(
        trainer,
        scratch,
        label="test",
        first_step=0,
        last_step=STEPS,
        checkpoint_every=1,
        log_every=1,
        refinement=refinement,
        refresh=MapHistory(maps),
    )
    return start, weights(trainer)


def _die(trainer: Trainer) -> None:
    if trainer.step == STEPS - 1:
        raise KilledError


def weights(trainer: Trainer) -> torch.Tensor:
    """All weights and their averages, those of projections among them."""
    state = trainer.tensors()
    return torch.cat([value.flatten() for name, value in state.items() if name.startswith(("weights/", "ema/"))])


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(str(value) for value in case.values()))
def test_what_saves_memory_or_outlives_a_kill_changes_no_weight(case: pairwise.Case, tmp_path: Path) -> None:
    start, expected = trained(case | SAVING, tmp_path / "plain")
    _, found = trained(case, tmp_path / "saving")
    assert torch.isfinite(found).all()
    if case["gradient_accumulation"] == 1:
        assert torch.equal(found, expected)
        return
    tolerance = 1e-3 if case["precision"] == torch.float32 else 0.1
    assert float((found - expected).norm()) < tolerance * float((expected - start).norm())


NO_REVERSE = {name for name, how in PROCESSES.items() if how["reverse"] == "none"}


def refused(pair: dict[str, Any]) -> bool:
    """Whether params refuse a pair of values."""
    if pair.get("process") in NO_REVERSE:
        return pair.get("projection", "identity") != "identity" or pair.get("layers", "all") != "all"
    return pair.get("family") in LATENT and pair.get("horizontal_flip", False)


def test_every_pair_that_params_allow_is_in_a_case() -> None:
    pairs = [
        {one: value, other: second}
        for one, other in itertools.combinations(SWITCHES, 2)
        for value, second in itertools.product(SWITCHES[one], SWITCHES[other])
    ]
    missing = [pair for pair in pairs if not any(pair.items() <= case.items() for case in CASES)]
    assert missing == [pair for pair in pairs if refused(pair)]
    assert len(pairs) - len(missing) > 250
