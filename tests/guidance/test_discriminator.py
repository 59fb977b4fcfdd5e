"""Discriminator guidance: the source's sum in closed form, every family of pixels and sampler, the stage."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from selfrefine import networks
from selfrefine.core import pixels
from selfrefine.core.errors import InputError
from selfrefine.diffusion import noise_schedule, samplers
from selfrefine.diffusion.noise_schedule import Schedule
from selfrefine.guidance import discriminator
from selfrefine.guidance.discriminator import PIECE, DiscriminatorGuided, guided
from selfrefine.highlighter.model import FAKE, IMAGENET_STD, REAL, Highlighter
from selfrefine.stages import generate_samples
from tests.support import tiny, tiny_highlighter
from tests.support.drawn import ABAR, drawn
from tests.support.tiny_families import FITTING

LATENT = ("ldm", "stable_diffusion")
FAMILIES = [name for name in FITTING if "others" not in name and not name.startswith(LATENT)]
EULER = ("euler_ode", "euler_sde")  # of continuous time, which U-ViT has
PAIRS = [(family, name) for family in FAMILIES for name in samplers.SAMPLERS if family == "uvit" or name not in EULER]
CPU = torch.device("cpu")


class Gaussian(nn.Module):
    """The best noise predictor for pixels x_0 ~ N(mean, variance)."""

    device, config = CPU, SimpleNamespace(in_channels=1, sample_size=4)

    def __init__(self, mean, variance):
        super().__init__()
        self.mean, self.variance, self.level = mean, variance, 1.0

    def forward(self, noisy, time):
        self.level = float(ABAR[int(time)])
        slope = math.sqrt(1.0 - self.level) / (self.level * self.variance + 1.0 - self.level)
        return SimpleNamespace(sample=slope * (noisy - math.sqrt(self.level) * self.mean))

    def log_density(self, noisy, level):
        spread = level * self.variance + 1.0 - level
        return (-0.5 * (noisy - math.sqrt(level) * self.mean) ** 2 / spread).sum(dim=(1, 2, 3))


class BestDiscriminator(nn.Module):
    """Logits of the best one of two Gaussians, at the time that the network was evaluated at last."""

    def __init__(self, real, fake):
        super().__init__()
        self.real, self.fake = real, fake

    def prepare(self, images, streams):
        return images

    def forward(self, noisy):
        level, offset = self.fake.level, noisy.mean(dim=(1, 2, 3))  # of both logits: only their difference counts
        logits = {REAL: self.real.log_density(noisy, level), FAKE: self.fake.log_density(noisy, level)}
        return torch.stack([logits[0] + offset, logits[1] + offset], dim=1)


SCHEDULE = Schedule(ABAR, bounded=False)


@pytest.mark.parametrize("sampler", ["ddim", "ddim_eta_1", "ancestral"])
def test_under_the_best_discriminator_the_model_of_fakes_makes_the_very_images_of_the_real_ones(sampler):
    """The source's theorem: score of the model + grad log(p_real / p_model) is the score of the data."""
    real, fake = Gaussian(0.3, 0.04), Gaussian(-0.1, 0.3)
    found = drawn(guided(fake, BestDiscriminator(real, fake), SCHEDULE, 1.0), 40, sampler)
    torch.testing.assert_close(found, drawn(real, 40, sampler), rtol=1e-3, atol=1e-3)
    assert (found - drawn(fake, 40, sampler)).abs().mean() > 0.1


@pytest.mark.parametrize("scale", [0.5, 1.5])
def test_a_scale_moves_the_mean_that_far_between_gaussians_of_one_variance(scale):
    real, fake = Gaussian(0.3, 0.04), Gaussian(-0.1, 0.04)
    found = drawn(guided(fake, BestDiscriminator(real, fake), SCHEDULE, scale), 16)
    torch.testing.assert_close(found, drawn(Gaussian(-0.1 + scale * 0.4, 0.04), 16), rtol=1e-3, atol=1e-3)


def linear(size):
    """A highlighter of noisy images whose logits are linear, and their weights (2, 3, size, size)."""
    torch.manual_seed(0)
    model = Highlighter(size, shortcut_guard=False, noised=True).eval()
    model.features = nn.Identity()
    model.head = nn.Sequential(nn.Flatten(), nn.Linear(3 * size * size, 2))
    return model, model.head[1].weight.detach().view(2, 3, size, size)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_noise_of_a_linear_discriminator_is_a_closed_form(channels):
    """It sees (x + 1) / 2, standardised, a grey pixel as three. A learned variance is the network's."""
    model, weights = linear(32)
    slope = (weights[REAL] - weights[FAKE]) / (2.0 * torch.tensor(IMAGENET_STD).view(3, 1, 1))
    expected = slope.sum(dim=0, keepdim=True) if channels == 1 else slope
    noisy, noise, variance = 3.0 * torch.randn(3, PIECE + 2, channels, 32, 32)
    for kept in ([noise], [noise, variance]):
        wrapped = DiscriminatorGuided(
            lambda x, t, kept=kept: SimpleNamespace(sample=torch.cat(kept, 1)), model, SCHEDULE, 2.0
        )
        with torch.no_grad():
            found = wrapped(noisy, torch.tensor(700)).sample
        corrected = noise - 2.0 * math.sqrt(1.0 - float(ABAR[700])) * expected
        torch.testing.assert_close(found[:, :channels], corrected, rtol=1e-4, atol=1e-5)
        assert torch.equal(found[:, channels:], torch.cat(kept, 1)[:, channels:])
        assert not found.requires_grad


def test_through_the_enlargement_a_step_along_the_gradient_changes_the_logits_by_its_square():
    """Exact for a linear discriminator, at any size of images."""
    model, _ = linear(32)
    wrapped = DiscriminatorGuided(None, model, SCHEDULE, 1.0)
    noisy = 3.0 * torch.randn(4, 3, 12, 12)
    gradient = wrapped._gradient(noisy)

    def ratio(images):
        logits = model(model.prepare(images, []))
        return (logits[:, REAL] - logits[:, FAKE]).detach()

    risen = ratio(noisy + gradient) - ratio(noisy)
    torch.testing.assert_close(risen, gradient.square().sum(dim=(1, 2, 3)), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("family", "sampler"), PAIRS)
def test_in_every_family_and_sampler_an_undecided_discriminator_changes_nothing(family, sampler):
    """A decided one makes other images; learned variances and continuous time included."""
    make, _ = FITTING[family]
    pipeline = make()
    pipeline.unet.eval()
    schedule = noise_schedule.of(pipeline)
    assert schedule.continuous is (family == "uvit")
    undecided, _ = linear(32)
    decided, _ = linear(32)
    with torch.no_grad():
        undecided.head[1].weight.zero_()
        decided.head[1].weight *= 30.0

    def images(network):
        return drawn(network, 2, sampler, 3, schedule=schedule)

    plain = images(pipeline.unet)
    assert torch.equal(images(guided(pipeline.unet, undecided, schedule, 1.0)), plain)
    assert not torch.allclose(images(guided(pipeline.unet, decided, schedule, 1.0)), plain, atol=1e-2)


def test_without_a_discriminator_the_network_itself_is_sampled_and_a_wrapped_one_knows_its_network():
    network, model = Gaussian(0.1, 0.04), linear(32)[0]
    assert guided(network, None, SCHEDULE, 0.0) is network
    wrapped = guided(network, model, SCHEDULE, 1.0)
    assert (wrapped.device, wrapped.config) == (network.device, network.config)
    assert list(wrapped.children()) == [network, model], "eval() reaches both"


# -- the stage ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A pipeline, and highlighters of noisy and of clean images."""
    folder = tmp_path_factory.mktemp("discriminated")
    networks.save(tiny.tiny_pipeline(), folder / "pipeline")
    model = Highlighter(32, shortcut_guard=False, noised=True)
    model.load_state_dict(tiny_highlighter.highlighter(32).state_dict())
    with torch.no_grad():
        model.head[3].weight *= 50.0  # so that it moves images
    model.save(folder / "noisy")
    tiny.write_highlighter(folder / "clean")
    return folder


def sampled(folder, out, judges, scale, **changes):
    files = tuple(folder / name for name in judges)
    job = tiny.samples_job(folder / "pipeline", out, discriminator=files, discriminator_scale=scale, **changes)
    generate_samples.run(job)
    return np.load(job.outputs.images)


def test_the_stage_samples_the_corrected_noise_and_without_a_scale_the_same_bytes(folder, tmp_path):
    """Against an own loop that differentiates with torch.func, an image at a time."""
    plain = sampled(folder, tmp_path / "plain", [], 0.0)
    assert np.array_equal(sampled(folder, tmp_path / "none", ["noisy"], 0.0), plain)
    found = sampled(folder, tmp_path / "one", ["noisy"], 1.0)
    assert np.array_equal(sampled(folder, tmp_path / "again", ["noisy"], 1.0, chunk_size=4), found)
    pipeline, judge = networks.load(folder / "pipeline", CPU), discriminator.load((folder / "noisy",), CPU, 1.0, "x")
    schedule = noise_schedule.of(pipeline)

    def ratio(image):
        logits = judge(judge.standardised((image[None] + 1.0) * 127.5))
        return logits[0, REAL] - logits[0, FAKE]

    class Corrected(nn.Module):
        device, config = CPU, pipeline.unet.config

        def forward(self, noisy, t):
            slopes = torch.stack([torch.func.grad(ratio)(image) for image in noisy])
            deviation = math.sqrt(1.0 - float(schedule.alphas_cumprod[int(t)]))
            return SimpleNamespace(sample=pipeline.unet.eval()(noisy, t).sample - deviation * slopes)

    expected = pixels.to_uint8(drawn(Corrected(), 10, "ddim", 4, schedule=schedule)).astype(int)
    assert np.abs(found - expected).max() <= 1
    assert np.abs(found - plain.astype(int)).max() > 5


@pytest.mark.parametrize(
    ("judges", "line"),
    [
        ([], r"discriminator_scale of samplings\.both is 1, and 0 highlighters are given to guide it; one is needed"),
        (
            ["noisy", "noisy"],
            r"samplings\.both is 1, and 2 highlighters are given to guide it; one is needed, that of ",
        ),
        (["clean"], r"clean: a highlighter of clean images; samplings\.both needs one trained with noised: true"),
    ],
)
def test_a_row_without_its_one_discriminator_is_told_so(judges, line, folder, tmp_path):
    with pytest.raises(InputError, match=line):
        sampled(folder, tmp_path, judges, 1.0)
    assert not (tmp_path / "images.npy").exists()
