"""Improved DDPM in all parts that know nothing of it: training, maps, corrections, read-outs, export."""

import json

import numpy as np
import pytest
import torch
from diffusers import DDPMPipeline

from selfrefine import networks
from selfrefine.core import arrays
from selfrefine.core.errors import InputError
from selfrefine.diffusion import forward_process, noise_schedule
from selfrefine.diffusion.learned_variance import Bound
from selfrefine.evidence import probes
from selfrefine.guidance.map_refresh import Guide, MapRecipe
from selfrefine.guidance.refinement import Refinement
from selfrefine.guidance.untrained_controls import TimeShift
from selfrefine.stages import generate_samples, train_base, train_refined
from selfrefine.training.trainer import Trainer
from tests.support import tiny, tiny_highlighter
from tests.support.tiny_improved_ddpm import DIFFUSION, pipeline

BOTH = Refinement("xt", 0.5, "kv", 0.5, cycle=4)


def trainer(learned=True):
    made = pipeline(learned, dropout=0.1)
    settings = tiny.tiny_settings()
    return Trainer(made.unet, noise_schedule.of(made), tiny.tiny_images(), settings, seed=0, dtype=torch.float32)


def noisy(n=2):
    return torch.randn((n, 3, tiny.SIZE, tiny.SIZE), generator=torch.Generator().manual_seed(1))


@pytest.fixture
def some_map():
    return torch.rand((tiny.SIZE, tiny.SIZE), generator=torch.Generator().manual_seed(2))


def test_the_time_scales_and_shifts_the_normalised_features():
    """Each block gets two numbers a channel of the time, where that of DDPM gets one."""
    plain, improved = tiny.tiny_pipeline().unet, pipeline().unet
    for name, layer in plain.named_modules():
        if name.endswith("time_emb_proj"):
            assert improved.get_submodule(name).out_features == 2 * layer.out_features
    assert any(name.endswith("time_emb_proj") for name, _ in plain.named_modules())


def test_the_authors_variant_has_the_channels_and_the_variance_of_ddpm():
    learned, fixed = pipeline(), pipeline(learned=False)
    assert (learned.unet.config.out_channels, fixed.unet.config.out_channels) == (6, 3)
    assert (learned.scheduler.config.variance_type, fixed.scheduler.config.variance_type) == (
        "learned_range",
        "fixed_large",
    )
    assert (noise_schedule.of(learned).learned_variance, noise_schedule.of(fixed).learned_variance) == (True, False)
    assert trainer(learned=False).bound is None


def test_a_missing_leaf_is_named():
    with pytest.raises(InputError, match="family improved_ddpm does not build: 'learned_variance'"):
        networks.build("improved_ddpm", tiny.NETWORK, tiny.DIFFUSION, tiny.SIZE, 0)


def test_the_loss_is_that_of_the_noise_and_the_weighted_bound(monkeypatch):
    """With the network's own inputs and outputs of an update."""
    one, seen = trainer(), []
    one.network.register_forward_hook(lambda _module, given, result: seen.append((*given, result.sample.detach())))
    drawn, diffuse = [], forward_process.diffuse
    monkeypatch.setattr(forward_process, "diffuse", lambda *given: drawn.append(given) or diffuse(*given))
    loss = float(one.update())
    (x_t, times, output), (images, eps, _) = seen[0], drawn[0]
    simple = float(((output[:, :3] - eps) ** 2).mean())
    bound = float(Bound(one.schedule).terms(output[:, :3], output[:, 3:], images, x_t, times).mean())
    assert bound > 0.0
    assert loss == pytest.approx(simple + 0.001 * tiny.TIMESTEPS * bound, rel=1e-5)


def losses(one, refinement=None, guidance_map=None, steps=3):
    return [float(one.update(guidance_map, refinement)) for _ in range(steps)]


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one.keys() | other.keys())


def test_zero_weight_is_plain_training_bit_for_bit(some_map):
    plain, none, both = trainer(), trainer(), trainer()
    expected = losses(plain)
    assert losses(none, Refinement("xt", 0.0, "kv", 0.0, cycle=4), some_map) == expected
    assert same(plain.tensors(), none.tensors())
    assert losses(both, BOTH, some_map) != expected


def test_a_restored_trainer_goes_on_bit_equal(some_map):
    unbroken, half, resumed = trainer(), trainer(), trainer()
    expected = losses(unbroken, BOTH, some_map, steps=6)
    losses(half, BOTH, some_map)
    resumed.restore({name: value.clone() for name, value in half.tensors().items()}, 3)
    assert losses(resumed, BOTH, some_map) == expected[3:]
    assert same(unbroken.tensors(), resumed.tensors())


def test_weights_of_the_loss_do_not_reach_the_bound(some_map):
    """The row of the last layer that makes v learns the same from plain and from weighted noise."""

    def gradient(refinement):
        one, found = trainer(), []
        one.network.conv_out.bias.register_hook(lambda gradient: found.append(gradient.clone()))
        one.update(some_map, refinement)
        return found[0]

    plain, weighted = gradient(None), gradient(Refinement("loss_weight", 0.5, "none", 0.0, 4))
    assert torch.equal(plain[3:], weighted[3:])
    assert not torch.equal(plain[:3], weighted[:3])


def test_time_shift_and_read_outs_take_the_noise_of_a_wider_output():
    made = pipeline()
    made.unet.eval()
    levels = noise_schedule.of(made)
    with torch.no_grad():
        assert torch.equal(TimeShift(made.unet, levels, 1.0)(noisy(), 5).sample, made.unet(noisy(), 5).sample)
    images = tiny.tiny_images(4)
    found = probes.agreement(made.unet, levels, images, timesteps=(3, 9), seed=0)
    conv = made.unet.conv_out
    conv.weight.data, conv.bias.data = conv.weight.data[:3], conv.bias.data[:3]
    np.testing.assert_allclose(probes.agreement(made.unet, levels, images, timesteps=(3, 9), seed=0), found, atol=1e-6)


def test_a_guide_makes_its_map():
    made = pipeline()
    guide = Guide(
        MapRecipe(map_images=4, map_steps=3),
        noise_schedule.of(made),
        tiny_highlighter.highlighter(32),
        tiny.tiny_images(),
        seed=0,
        dtype=torch.float32,
        horizontal_flip=False,
    )
    made.unet.eval()
    mfam = guide(made.unet, 0).mfam
    assert mfam.shape == (tiny.SIZE, tiny.SIZE)
    assert float(mfam.std()) > 0.0


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A base phase and a refinement by the stages."""
    folder = tmp_path_factory.mktemp("improved")
    images = tiny.write_images(folder / "images.npy")
    train_base.run(tiny.base_job(images, folder / "base", family="improved_ddpm", diffusion=DIFFUSION))
    highlighter = tiny.write_highlighter(folder / "highlighter")
    train_refined.run(tiny.refined_job(images, folder / "base", highlighter, folder / "both"))
    return folder


def test_the_stages_refine_it_and_sample_it_with_each_sampler(run, tmp_path):
    assert np.load(run / "both" / "maps.npy").shape == (3, tiny.SIZE, tiny.SIZE)
    found = {}
    for sampler in ("ddim", "ancestral"):
        generate_samples.run(tiny.samples_job(run / "both" / "pipeline", tmp_path / sampler, sampler=sampler))
        found[sampler] = arrays.read_array(tmp_path / sampler / "images.npy")
        assert found[sampler].std() > 1.0
    assert not np.array_equal(found["ddim"], found["ancestral"])


def test_an_exported_folder_samples_in_stock_diffusers(run):
    folder = run / "both" / "pipeline"
    assert json.loads((folder / "scheduler" / "scheduler_config.json").read_text())["variance_type"] == "learned_range"
    stock = DDPMPipeline.from_pretrained(folder)
    stock.set_progress_bar_config(disable=True)
    images = stock(2, torch.Generator().manual_seed(0), num_inference_steps=5, output_type="np").images
    assert images.shape == (2, tiny.SIZE, tiny.SIZE, 3)
    assert images.std() > 0.0
    trained, start = stock.unet.conv_out.weight, pipeline().unet.conv_out.weight
    assert (trained[3:] != start[3:]).any()  # the variance has been learned
