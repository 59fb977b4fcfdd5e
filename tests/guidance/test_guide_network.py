"""Guidance away from a worse network: the sum, a Gaussian in closed form, every family and sampler, the stage."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from selfrefine.core.errors import InputError
from selfrefine.diffusion import noise_schedule, prompts, samplers
from selfrefine.diffusion.noise_schedule import Schedule
from selfrefine.guidance import guide_network
from selfrefine.guidance.guide_network import GuidedNetwork, guided
from selfrefine.stages import generate_samples, train_base, train_refined
from tests.support import tiny
from tests.support.drawn import ABAR, drawn
from tests.support.tiny_families import FITTING

MEAN, VARIANCE = 0.1, 0.04
FAMILIES = [name for name in FITTING if "others" not in name]


class Gaussian(nn.Module):
    """The best noise predictor for pixels x_0 ~ N(mean, VARIANCE)."""

    device, config = torch.device("cpu"), SimpleNamespace(in_channels=1, sample_size=4)

    def __init__(self, mean=MEAN):
        super().__init__()
        self.mean = mean

    def forward(self, noisy, time):
        level = float(ABAR[int(time)])
        slope = math.sqrt(1.0 - level) / (level * VARIANCE + 1.0 - level)
        return SimpleNamespace(sample=slope * (noisy - math.sqrt(level) * self.mean))


def test_with_a_scale_of_one_the_network_itself_is_sampled_and_a_wrapped_one_knows_its_network():
    network, guide = Gaussian(), Gaussian(0.3)
    assert guided(network, guide, 1.0) is network
    wrapped = guided(network, guide, 2.0)
    assert (wrapped.device, wrapped.config) == (network.device, network.config)
    assert list(wrapped.children()) == [network, guide], "eval() reaches both"


@pytest.mark.parametrize("scale", [0.5, 1.5, 2.0, 3.0])
def test_the_noise_is_karras_sum_of_denoised_images_and_alemohammads_of_noise(scale):
    """Both papers' own forms, in float64: D_w = D_0 + w (D_1 - D_0), and (1 + omega) eps - omega eps_copy."""
    generator = torch.Generator().manual_seed(0)
    noisy, main, away = torch.randn(3, 2, 3, 4, 4, generator=generator)
    variance = torch.randn(2, 3, 4, 4, generator=generator)
    level = 0.3

    def network(*outputs):
        return lambda x, t: SimpleNamespace(sample=torch.cat(outputs, dim=1))

    found = GuidedNetwork(network(main, variance), network(away, 5.0 * variance), scale)(noisy, 7).sample
    x, eps, worse = (tensor.double().numpy() for tensor in (noisy, main, away))
    denoised, bad = ((x - math.sqrt(1 - level) * e) / math.sqrt(level) for e in (eps, worse))
    karras = (x - math.sqrt(level) * (bad + scale * (denoised - bad))) / math.sqrt(1 - level)
    omega = scale - 1.0
    np.testing.assert_allclose(found[:, :3].numpy(), karras, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found[:, :3].numpy(), (1.0 + omega) * eps - omega * worse, rtol=1e-5, atol=1e-5)
    assert torch.equal(found[:, 3:], variance), "a learned variance is the main network's"


@pytest.mark.parametrize("scale", [0.5, 1.5, 2.0, 3.0])
@pytest.mark.parametrize("sampler", ["ddim", "ancestral"])
def test_two_gaussians_of_one_variance_make_the_gaussian_beyond_the_better_one(sampler, scale):
    """Their sum is the best predictor for the mean m_guide + w (m_main - m_guide): the very images of that model."""
    network, guide = Gaussian(0.1), Gaussian(-0.2)
    beyond = Gaussian(-0.2 + scale * 0.3)
    torch.testing.assert_close(
        drawn(guided(network, guide, scale), 16, sampler), drawn(beyond, 16, sampler), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("sampler", list(samplers.SAMPLERS))
@pytest.mark.parametrize("family", FAMILIES)
def test_in_every_family_and_sampler_a_network_that_guides_itself_is_itself(family, sampler):
    """Whatever the scale, prompts and learned variances included; another guide makes other images."""
    make, _ = FITTING[family]
    pipeline, schedule = make(), noise_schedule.of(make())
    if sampler.startswith("euler") and not schedule.continuous:
        with pytest.raises(InputError, match="it is for networks of continuous time"):
            drawn(guided(pipeline.unet, make().unet, 2.0), 2, sampler, 3, schedule=schedule)
        return
    captions = None
    if family == "stable_diffusion":
        embeddings = np.random.default_rng(0).normal(size=(3, 4, pipeline.unet.config.cross_attention_dim))
        captions = prompts.Captions(embeddings.astype(np.float32), np.array([1, 2]))

    def images(network):
        prompted = prompts.prompted(network, captions, [0, 1], 1.0 if captions is None else 2.0)
        with torch.no_grad():
            return drawn(prompted.eval(), 2, sampler, 3, schedule=schedule)

    same, other = make().unet, make().unet
    same.load_state_dict(pipeline.unet.state_dict())
    with torch.no_grad():
        for parameter in other.parameters():
            parameter *= 0.9
    plain = images(pipeline.unet)
    torch.testing.assert_close(images(guided(pipeline.unet, same, 2.0)), plain, rtol=1e-3, atol=1e-3)
    assert not torch.allclose(images(guided(pipeline.unet, other, 2.0)), plain, rtol=1e-3, atol=1e-3)


def test_both_networks_are_evaluated_once_a_step():
    seen = []

    class Counting(Gaussian):
        def forward(self, noisy, time):
            seen.append(self.mean)
            return super().forward(noisy, time)

    drawn(guided(Counting(0.1), Counting(0.2), 2.0), 2, steps=5)
    assert seen == [0.1, 0.2] * 5


# -- the stages --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A base model, a baseline and a copy that learned from own samples, each in the folder of its name."""
    folder = tmp_path_factory.mktemp("guided")
    tiny.write_images(folder / "images.npy")
    tiny.write_highlighter(folder / "highlighter")
    train_base.run(tiny.base_job(folder / "images.npy", folder / "base"))
    train_refined.run(
        tiny.refined_job(
            folder / "images.npy",
            folder / "base",
            folder / "highlighter",
            folder / "baseline",
            forward="none",
            reverse="none",
        )
    )
    return folder


def sampled(folder, out, guide, scale):
    pipeline = folder / "baseline" / "pipeline"
    job = tiny.samples_job(pipeline, out, guide=tuple(folder / name / "pipeline" for name in guide), guide_scale=scale)
    generate_samples.run(job)
    return np.load(job.outputs.images)


def test_a_baseline_under_its_own_branch_point_is_other_images_and_without_a_scale_the_same_bytes(folder, tmp_path):
    plain = sampled(folder, tmp_path / "plain", [], 1.0)
    assert np.array_equal(sampled(folder, tmp_path / "one", ["base"], 1.0), plain)
    assert not np.array_equal(sampled(folder, tmp_path / "two", ["base"], 2.0), plain)
    near = sampled(folder, tmp_path / "itself", ["baseline"], 2.0).astype(int) - plain
    assert np.abs(near).max() <= 1


def test_the_stage_samples_the_sum_of_both_checkpoints(folder, tmp_path):
    """Against an own loop over both networks."""
    found = sampled(folder, tmp_path, ["base"], 2.0)
    both = [
        guide_network.networks.load(folder / name / "pipeline", torch.device("cpu")) for name in ("baseline", "base")
    ]

    class Sum(nn.Module):
        device, config = torch.device("cpu"), both[0].unet.config

        def forward(self, noisy, t):
            main, weak = (pipeline.unet.eval()(noisy, t).sample for pipeline in both)
            return SimpleNamespace(sample=2.0 * main - weak)

    schedule = noise_schedule.of(both[0])
    images = drawn(Sum(), 10, "ddim", 4, schedule=Schedule(schedule.alphas_cumprod))
    expected = np.asarray(((images + 1.0) * 127.5).round().clamp(0, 255)).transpose(0, 2, 3, 1)
    assert np.abs(found.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("guides", [[], ["base", "baseline"]])
def test_a_row_without_its_one_guide_is_told_so(folder, tmp_path, guides):
    with pytest.raises(
        InputError, match=rf"samplings\.both is 2, and {len(guides)} networks are given to guide it; one"
    ):
        sampled(folder, tmp_path, guides, 2.0)
    assert not (tmp_path / "images.npy").exists()
