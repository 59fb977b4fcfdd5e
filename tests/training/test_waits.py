"""Between two log lines the host waits for no device: not for a loss, nor for a batch on its way there."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from selfrefine.guidance.attention_modulation import build_projectors
from selfrefine.guidance.refinement import Refinement
from selfrefine.training.trainer import Trainer
from tests.support import no_wait, pairwise, tiny_trainers
from tests.support.every_trainer import CHECKPOINT_EVERY, STEPS, TRAINERS
from tests.support.no_wait import DEVICE

WEIGHTS: dict[str, Any] = {"forward_weight": 0.5, "reverse_weight": 0.5, "cycle": 2}
REFINEMENTS: dict[str, Refinement | None] = {
    "plain": None,
    "perturbed": Refinement("none", reverse="none", gamma=0.1, **WEIGHTS),
    "forward": Refinement("xt", reverse="none", **WEIGHTS),
    "weighted": Refinement("loss_weight", reverse="v", **WEIGHTS),
    "both": Refinement("both", reverse="kv", **WEIGHTS),
    "projected": Refinement("xt", reverse="kv", projection="conv3", **WEIGHTS),
    "residual": Refinement("xt", reverse="k", projection="conv_residual", layers="no_mid", **WEIGHTS),
}
SWITCHES: dict[str, list[Any]] = {
    "family": tiny_trainers.FAMILIES,
    "refinement": list(REFINEMENTS),
    "gradient_accumulation": [1, 2],
    "gradient_checkpointing": [False, True],
    "horizontal_flip": [False, True],
    "caption_dropout": [0.0, 0.5],
    "dropout": [0.0, 0.3],
}


def allowed(case: pairwise.Case) -> bool:
    """No mirrored latents."""
    return not (case["horizontal_flip"] and case["family"] in tiny_trainers.LATENT)


CASES = pairwise.cases(SWITCHES, allowed)


def trainer(case: pairwise.Case) -> Trainer:
    """On the device, with the projections of its refinement."""
    settings = {name: value for name, value in case.items() if name not in ("family", "refinement")}
    made = tiny_trainers.trainer(case["family"], device=DEVICE.type, **settings)
    if refinement := REFINEMENTS[case["refinement"]]:
        made.add_projectors(build_projectors(made.network, refinement.projection, refinement.layers, seed=0))
    return made


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(str(value) for value in case.values()))
def test_an_update_waits_for_nothing_under_any_pair_of_switches(case: pairwise.Case) -> None:
    made, refinement = trainer(case), REFINEMENTS[case["refinement"]]
    some_map = tiny_trainers.some_map(made) if refinement else None
    with no_wait.refused():
        loss = made.update(some_map, refinement)
    assert (loss.shape, loss.device, made.step) == ((), DEVICE, 1)


@pytest.mark.parametrize("name", TRAINERS)
def test_no_trainer_waits_in_an_update(name: str) -> None:
    made, _ = TRAINERS[name](device=DEVICE.type)
    with no_wait.refused():
        losses = [made.update() for _ in range(2)]
    assert [loss.device for loss in losses] == 2 * [DEVICE]
    assert made.step == 2


# What would wait for a card, by name, done to the output of a layer.
WAITING: dict[str, Callable[[Tensor], Any]] = {
    "item": lambda output: output.sum().item(),
    "float": lambda output: float(output.detach().sum()),
    "tolist": lambda output: output.tolist(),
    "numpy": lambda output: output.detach().cpu().numpy(),
    "to the host": lambda output: output.to("cpu", non_blocking=True),
    "if": lambda output: 1 if output.isfinite().all() else 0,
    "the places of numbers": lambda output: output.nonzero(),
    "chosen numbers": lambda output: output[output > 0],
    "equal": lambda output: torch.equal(output, output + 1),
    "a list": lambda output: torch.tensor([1.0, 2.0], device=output.device),
    "numbers like its own": lambda output: output.new_tensor([1.0]),
    "a number": lambda output: torch.tensor(1.0, device=output.device),
    "a copy that waits": lambda output: torch.ones(3).to(output.device),
    "a copy into": lambda output: output.detach().copy_(torch.ones(output.shape)),
    "rows by numbers of the host": lambda output: output[torch.tensor([0])],
    "a seeded draw": lambda output: torch.rand(3, generator=torch.Generator()).to(output.device),
}


@pytest.mark.parametrize("kind", WAITING)
@pytest.mark.parametrize("name", ["ddpm", "vq", "classifier", "highlighter"])
def test_a_wait_would_be_found(name: str, kind: str) -> None:
    made, _ = TRAINERS[name](device=DEVICE.type)
    network = next(getattr(made, name) for name in ("network", "autoencoder", "model") if hasattr(made, name))
    layer = next(module for module in network.modules() if isinstance(module, torch.nn.Conv2d))
    layer.register_forward_hook(lambda _module, _inputs, output: (WAITING[kind](output), output)[1])
    with no_wait.refused(), pytest.raises(no_wait.WAITS, match=r"device|meta"):
        made.update()


@pytest.mark.parametrize("name", TRAINERS)
def test_a_run_reads_numbers_where_it_logs_and_nowhere_else(name: str, tmp_path: Any) -> None:
    made, run = TRAINERS[name]()
    with no_wait.Reads(made) as reads:
        run(tmp_path, "test")
    logs = {step for step in range(1, STEPS + 1) if 0 in (step % CHECKPOINT_EVERY, step % log_every(made))}
    assert {STEPS} < reads.steps <= logs | {STEPS} | (refreshed := {0, 4, 8} if name == "refined" else set())
    assert {1, 5, 7}.isdisjoint(logs | refreshed)


def log_every(trainer: Any) -> int:
    """Steps between two rows of the log of a run in `every_trainer`."""
    return 2 if isinstance(trainer, Trainer) else getattr(trainer.settings, "log_every", CHECKPOINT_EVERY)


@pytest.mark.parametrize("name", ["ddpm", "vq", "classifier"])
def test_a_read_in_each_update_would_be_seen(name: str, tmp_path: Any) -> None:
    made, run = TRAINERS[name]()
    made.optimiser.register_step_post_hook(
        lambda optimiser, *_: float(optimiser.param_groups[0]["params"][0].detach().sum())
    )
    with no_wait.Reads(made) as reads:
        run(tmp_path, "test")
    assert reads.steps >= set(range(STEPS))
