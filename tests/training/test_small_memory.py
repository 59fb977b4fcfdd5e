"""Batches in parts and activations made again: less memory, the same training (method 1 and 2)."""

import pytest
import torch

from selfrefine.core.errors import InputError
from selfrefine.cost.flops import LiveBytes
from selfrefine.diffusion import noise_schedule
from selfrefine.guidance.refinement import Refinement
from selfrefine.training.trainer import Trainer
from tests.support import tiny, tiny_uvit
from tests.support.tiny_trainers import FAMILIES, some_map, trainer

BOTH = Refinement("xt", 0.5, "kv", 0.5, cycle=4)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("parts", [2, 4])
def test_a_batch_in_parts_has_the_gradient_of_the_whole(family, parts):
    whole, cut = (trainer(family, gradient_accumulation=number) for number in (1, parts))
    losses = [float(each.update(some_map(each), BOTH)) for each in (whole, cut)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    for name, value in whole.tensors().items():
        if name.startswith("exp_avg/"):  # after the first step a tenth of the gradient
            scale = float(value.abs().max())
            torch.testing.assert_close(cut.tensors()[name], value, atol=1e-4 * scale + 1e-9, rtol=1e-3)


def test_parts_pass_the_network_one_after_the_other():
    cut, seen = trainer("ddpm", gradient_accumulation=2), []
    cut.network.register_forward_pre_hook(lambda _module, args: seen.append(len(args[0])))
    cut.update()
    assert (seen, cut.step) == ([2, 2], 1)


def test_a_batch_is_cut_into_equal_parts_only():
    line = "train_base.gradient_accumulation is 3; allowed: a divisor of batch_size, which is 4"
    with pytest.raises(InputError, match=line):
        trainer("ddpm", gradient_accumulation=3)


@pytest.mark.parametrize("family", FAMILIES)
def test_checkpointed_gradients_are_the_same_to_the_bit(family):
    """Under dropout and a map, which the second evaluation must meet again."""
    kept, again = (trainer(family, 0.3, gradient_checkpointing=flag) for flag in (False, True))
    for _ in range(3):
        losses = [float(each.update(some_map(each), BOTH)) for each in (kept, again)]
        assert losses[0] == losses[1]
    assert all(torch.equal(value, again.tensors()[name]) for name, value in kept.tensors().items())


@pytest.mark.parametrize("settings", [{"gradient_accumulation": 4}, {"gradient_checkpointing": True}], ids=str)
def test_a_step_holds_less_at_a_time(settings):
    def most(**settings: object) -> int:
        deep = tiny_uvit.tiny_pipeline(depth=8, size=16)
        how = tiny.tiny_settings(batch_size=16, **settings)
        one = Trainer(deep.unet, noise_schedule.of(deep), tiny.tiny_images(32, 16), how, seed=0, dtype=torch.float32)
        one.update()  # AdamW's moments are there from now on
        with LiveBytes() as live:
            one.update()
        return live.peak

    assert most(**settings) < 0.6 * most()
