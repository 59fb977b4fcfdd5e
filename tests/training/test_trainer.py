"""One update: invariants that make variants comparable (method 7, "Training loop"; design 9)."""

import contextlib
import copy
import dataclasses
import hashlib
import math

import pytest
import torch
from torch import nn

from selfrefine.core import config_json, devices
from selfrefine.core.errors import InputError
from selfrefine.core.job import stage_config
from selfrefine.diffusion import forward_process
from selfrefine.guidance import attention_modulation
from selfrefine.guidance.refinement import Refinement
from selfrefine.params import job_config
from selfrefine.stages import train_refined
from tests.support import tiny_trainers
from tests.support.tiny import SIZE, STEPS, tiny_settings, tiny_trainer
from tests.support.wrong_params import ROOT, project_params

PLAIN = Refinement("none", 0.5, "none", 0.5, cycle=4)
BOTH = Refinement("xt", 0.5, "kv", 0.5, cycle=4)
NOTHING = Refinement("xt", 0.0, "kv", 0.0, cycle=4)


@pytest.fixture
def some_map() -> torch.Tensor:
    return torch.rand((SIZE, SIZE), generator=torch.Generator().manual_seed(1))


def trained(refinement=None, guidance_map=None, steps=4, **settings):
    trainer = tiny_trainer(network={"dropout": 0.1}, **settings)
    losses = [float(trainer.update(guidance_map, refinement)) for _ in range(steps)]
    return trainer, losses


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one.keys() | other.keys())


def test_zero_weights_and_zero_map_are_bit_identical_to_plain_training(some_map):
    plain, losses = trained()
    for refinement, guidance_map in ((NOTHING, some_map), (BOTH, torch.zeros(SIZE, SIZE)), (PLAIN, some_map)):
        other, other_losses = trained(refinement, guidance_map)
        assert other_losses == losses
        assert same(plain.tensors(), other.tensors())


@pytest.mark.parametrize(
    "refinement", [BOTH, Refinement("xt", 0.5, "none", 0.5, 4), Refinement("none", 0.5, "kv", 0.5, 4)]
)
def test_each_process_changes_the_training(refinement, some_map):
    assert trained(refinement, some_map)[1] != trained()[1]


def test_batch_noise_and_dropout_do_not_depend_on_the_map(some_map):
    """What every variant draws at a step is bit-equal: seen in the network's inputs and dropout masks themselves."""
    seen = []
    for refinement, guidance_map in ((None, None), (Refinement("none", 0, "kv", 0.5, 4), some_map)):
        trainer, record = tiny_trainer(network={"dropout": 0.5}), []
        trainer.network.register_forward_pre_hook(lambda _m, args, record=record: record.append(args[0].clone()))
        dropout = next(m for m in trainer.network.modules() if isinstance(m, nn.Dropout) and m.p > 0)
        dropout.register_forward_hook(lambda _m, _a, out, record=record: record.append(out == 0))
        for _ in range(3):
            trainer.update(guidance_map, refinement)
        seen.append(record)
    assert len(seen[0]) == 6
    assert torch.equal(seen[0][0], seen[1][0])  # x_t of the first step: same batch, t and noise
    assert torch.equal(seen[0][1], seen[1][1])  # the same dropout mask
    for plain, steered in zip(seen[0][2::2], seen[1][2::2], strict=True):
        assert torch.equal(plain, steered)  # and at every later step, though the weights differ by then


def test_another_seed_is_another_run():
    batches = [tiny_trainer(seed=seed).batch(0) for seed in (0, 1)]
    assert not torch.equal(*batches)
    assert torch.equal(tiny_trainer(seed=1).batch(0), batches[1])


def test_half_of_the_batch_is_mirrored_where_asked():
    plain, flipped = (tiny_trainer(horizontal_flip=flag, batch_size=200).batch(0) for flag in (False, True))
    pairs = [(a, b) for a, b in zip(plain, flipped, strict=True) if not torch.equal(a, a.flip(-1))]
    mirrored = [torch.equal(b, a.flip(-1)) for a, b in pairs]
    assert all(torch.equal(b, a.flip(-1) if flip else a) for (a, b), flip in zip(pairs, mirrored, strict=True))
    assert 0.3 < sum(mirrored) / len(mirrored) < 0.7


def test_ema_follows_its_formula():
    trainer = tiny_trainer(ema_decay=0.2)
    name, parameter = next(iter(trainer.parameters.items()))
    expected = parameter.detach().clone()
    for decay in (1 / 10, 2 / 11, 0.2, 0.2):
        trainer.update()
        expected = decay * expected + (1 - decay) * parameter.detach()
    torch.testing.assert_close(trainer.ema[name], expected)


@pytest.mark.parametrize("family", tiny_trainers.FAMILIES)
def test_what_is_left_of_the_start_is_a_product_of_the_decays(family):
    """Under a rate of 0 the weights stay: an average that began elsewhere shows its memory. n! 9! / (n + 9)!."""
    trainer = tiny_trainers.trainer(family, learning_rate=0.0, ema_decay=0.9999)
    for average, value in zip(trainer.ema.values(), trainer.parameters.values(), strict=True):
        average.copy_(value.detach() + 1.0)
    for _ in range(5):
        trainer.update()
    left = math.factorial(5) * math.factorial(9) / math.factorial(14)
    for average, value in zip(trainer.ema.values(), trainer.parameters.values(), strict=True):
        torch.testing.assert_close(average - value.detach(), torch.full_like(average, left), atol=1e-5, rtol=0)


def test_the_average_of_a_refinement_goes_on_with_that_of_its_base():
    """The number of an update is counted from the base phase's first: at the fork the average starts nothing anew."""
    trainer = tiny_trainer(ema_decay=0.9999, learning_rate=0.0)
    trainer.restore(trainer.tensors() | trained(steps=1)[0].tensors(), 400)
    name, parameter = next(iter(trainer.parameters.items()))
    before = trainer.ema[name].clone()
    trainer.update()
    decay = 401 / 410
    torch.testing.assert_close(trainer.ema[name], decay * before + (1 - decay) * parameter.detach())


EXPERIMENTS = [path.stem for path in (ROOT / "experiments").glob("*.yaml") if path.stem != "smoke"]


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_no_base_phase_leaves_a_hundredth_of_its_random_start(experiment):
    """The sweep's 400 steps among them; smoke's few steps are no training."""
    params = project_params(experiment)
    for dataset in job_config.selected(params, "datasets"):
        for model in job_config.selected(params, "models", dataset):
            leaves = job_config.job(params, "train_base", {"dataset": dataset, "model": model})
            how = tiny_settings(ema_decay=leaves["ema_decay"])
            left = math.prod(how.ema_decay_at(step) for step in range(leaves["steps"]))
            assert left < 0.01, (dataset, model)


def test_the_decay_warms_up_to_its_leaf_and_stays():
    decays = [tiny_settings(ema_decay=0.98).ema_decay_at(step) for step in range(1000)]
    assert decays[:3] == [1 / 10, 2 / 11, 3 / 12]
    assert decays == sorted(decays)
    assert decays[440] == decays[-1] == 0.98 > decays[439]
    assert {tiny_settings(ema_decay=0.0).ema_decay_at(step) for step in range(1000)} == {0.0}  # raw weights


def test_ema_weights_are_in_the_network_inside_the_context_only():
    trainer, _ = trained()
    raw, ema = copy.deepcopy(trainer.network.state_dict()), copy.deepcopy(trainer.ema)
    with trainer.ema_weights() as network:
        assert same(dict(network.named_parameters()), ema)
        assert not network.training
    assert same(trainer.network.state_dict(), raw)
    assert same(trainer.ema, ema)


def test_learning_rate_warms_up_drops_and_stays():
    settings = tiny_settings(learning_rate=1.0, warmup_steps=4, decay_at=0.5, decay_factor=0.1, base_steps=10)
    rates = [settings.rate(step) for step in range(20)]
    assert rates[:5] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert rates[5:] == [0.1] * 15  # constant at the end of the base phase and in all of the refinement


def test_state_of_another_network_is_refused():
    trainer, _ = trained()
    other = tiny_trainer(network={"block_out_channels": [8, 16]})
    with pytest.raises(InputError, match="training state does not fit the network"):
        other.restore(trainer.tensors(), STEPS)


def test_restored_trainer_goes_on_bit_equal(some_map):
    unbroken, losses = trained(BOTH, some_map, steps=6)
    half, _ = trained(BOTH, some_map, steps=3)
    tensors = {name: value.clone() for name, value in half.tensors().items()}
    resumed = tiny_trainer(network={"dropout": 0.1})
    resumed.restore(tensors, 3)
    assert [float(resumed.update(some_map, BOTH)) for _ in range(3)] == losses[3:]
    assert same(unbroken.tensors(), resumed.tensors())


def test_bfloat16_keeps_weights_and_loss_in_float32(some_map):
    trainer = tiny_trainer(dtype=torch.bfloat16)
    loss = trainer.update(some_map, BOTH)
    assert loss.dtype == torch.float32
    assert {value.dtype for value in trainer.tensors().values()} == {torch.float32}
    exact = tiny_trainer().update(some_map, BOTH)
    assert float(loss) == pytest.approx(float(exact), rel=0.02)
    assert float(loss) != float(exact)


# -- all rows of variants ----------------------------------------------------------------------------------------------

PARAMS = project_params()


def refinement_of(row):
    """What a job of this variant runs with."""
    names = {"dataset": "fashion_mnist", "model": "ddpm", "variant": row, "seed": "0"}
    text = config_json.to_json(job_config.job(PARAMS, "train_refined", names))
    return stage_config(train_refined.Config, text).refinement()


def prepared(refinement, seed=0, **network):
    """A trainer with the projections of a variant."""
    trainer = tiny_trainer(network=network, seed=seed)
    projectors = attention_modulation.build_projectors(trainer.network, refinement.projection, refinement.layers, 0)
    trainer.add_projectors(projectors)
    return trainer


def draws_of(refinement, guidance_map, monkeypatch, seed=0):
    """Digest of batch, t, eps and dropout masks of three steps, as they reach the functions that use them."""
    digest = hashlib.sha256()

    def spied(function, *recorded):
        def spy(*given):
            for index in recorded:
                digest.update(given[index].detach().numpy().tobytes())
            return function(*given)

        return spy

    trainer = prepared(refinement, seed, dropout=0.5)
    with monkeypatch.context() as patch:
        patch.setattr(forward_process, "diffuse", spied(forward_process.diffuse, 0, 2))
        patch.setattr(forward_process, "steer", spied(forward_process.steer, 0))
        patch.setattr(forward_process, "perturb", spied(forward_process.perturb, 0))
        for module in trainer.network.modules():
            if isinstance(module, nn.Dropout) and module.p > 0:
                module.register_forward_hook(lambda _m, _a, out: digest.update((out == 0).numpy().tobytes()))
        for _ in range(3):
            trainer.update(guidance_map if refinement.uses_map else None, refinement)
    return digest.hexdigest()


def test_every_row_draws_the_same_batch_t_noise_and_dropout(some_map, monkeypatch):
    digests = {row: draws_of(refinement_of(row), some_map, monkeypatch) for row in PARAMS["variants"]}
    assert len(digests) > 40
    assert set(digests.values()) == {digests["baseline"]}
    assert draws_of(refinement_of("baseline"), some_map, monkeypatch, seed=1) != digests["baseline"]


NO_EFFECT = {"baseline", "baseline_equal_cost", "authors_ldm", "own_samples"}  # with any given map and images


def test_every_row_but_those_of_no_map_trains_in_its_own_way(some_map):
    """Whatever the map: rows that differ in map or CAM alone are equal under one given map, all others are not."""
    plain = losses_of(refinement_of("baseline"), some_map)
    for row in PARAMS["variants"]:
        assert (losses_of(refinement_of(row), some_map) == plain) == (row in NO_EFFECT), row


def losses_of(refinement, guidance_map):
    trainer = prepared(refinement)
    return [float(trainer.update(guidance_map if refinement.uses_map else None, refinement)) for _ in range(3)]


@pytest.mark.parametrize("forward", ["xt", "both", "tgt_add", "xt_add", "loss_weight"])
def test_zero_weight_is_plain_training_for_every_forward_process(some_map, forward):
    plain, losses = trained()
    none = dataclasses.replace(NOTHING, forward=forward, projection="conv3", layers="no_mid")
    other, other_losses = trained(none, some_map)
    assert other_losses == losses
    assert same(plain.tensors(), other.tensors())


def test_a_residual_projection_starts_where_no_projection_does(some_map):
    residual = dataclasses.replace(BOTH, projection="conv_residual")
    first, projected = losses_of(BOTH, some_map), losses_of(residual, some_map)
    assert projected[0] == first[0]
    assert projected[1:] != first[1:]  # it has learnt by then


def test_projections_are_trained_kept_and_restored_beside_the_network(some_map):
    conv3 = dataclasses.replace(BOTH, projection="conv3")
    half, unbroken, resumed = prepared(conv3), prepared(conv3), prepared(conv3)
    start = {name: value.clone() for name, value in half.tensors().items()}
    for _ in range(3):
        half.update(some_map, conv3)
    state = {name: value.clone() for name, value in half.tensors().items()}
    kept = [name for name in state if name.startswith("weights/projection.")]
    assert len(kept) == 6 * len(attention_modulation.self_attentions(half.network))
    assert all(not torch.equal(state[name], start[name]) for name in kept)
    resumed.restore(state, 3)
    expected = [float(unbroken.update(some_map, conv3)) for _ in range(6)][3:]
    assert [float(resumed.update(some_map, conv3)) for _ in range(3)] == expected
    assert same(unbroken.tensors(), resumed.tensors())
    with pytest.raises(InputError, match="training state does not fit the network: projection"):
        prepared(BOTH).restore(state, 3)


def test_attention_as_plain_products_trains_like_the_fused_one(monkeypatch):
    plain, losses = trained()
    monkeypatch.setattr(devices, "training_attention", lambda _device: contextlib.nullcontext())
    fused, fused_losses = trained()
    assert losses == pytest.approx(fused_losses, rel=1e-4)
    assert losses != fused_losses  # the other kernel really ran
    for name, value in plain.tensors().items():
        torch.testing.assert_close(fused.tensors()[name], value, atol=2e-3, rtol=1e-2)
