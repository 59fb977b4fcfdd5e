"""Closed forms and invariants of the forward process (method 1.3 and 7)."""

from typing import get_args

import pytest
import torch
from scipy import stats

from selfrefine.diffusion import forward_process


@pytest.fixture
def levels() -> torch.Tensor:
    return torch.tensor([0.99, 0.5, 0.01])


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand((3, 2, 4, 4), generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.fixture
def noise() -> torch.Tensor:
    return torch.randn((3, 2, 4, 4), generator=torch.Generator().manual_seed(2))


def test_zero_map_and_zero_weight_leave_the_noise_bit_identical(noise):
    some_map = torch.rand(4, 4)
    assert torch.equal(forward_process.amplify(noise, some_map, 0.0), noise)
    assert torch.equal(forward_process.amplify(noise, torch.zeros(4, 4), 0.7), noise)


def test_map_is_shared_by_batch_and_channels(noise):
    some_map = torch.rand(4, 4)
    factor = forward_process.amplify(noise, some_map, 0.5) / noise
    torch.testing.assert_close(factor, (1 + 0.5 * some_map).expand_as(noise), rtol=1e-5, atol=1e-6)


def test_uniform_map_is_plain_diffusion_at_a_larger_noise_level(images, noise, levels):
    weight, constant = 0.3, 0.4
    amplified = forward_process.amplify(noise, torch.full((4, 4), constant), weight)
    scale = (1 - levels).sqrt() * (1 + weight * constant)
    expected = levels.sqrt().view(-1, 1, 1, 1) * images + scale.view(-1, 1, 1, 1) * noise
    torch.testing.assert_close(forward_process.diffuse(images, amplified, levels), expected)


def test_the_map_adds_exactly_its_share_of_the_noise(images, noise, levels):
    weight, some_map = 0.5, torch.rand(4, 4)
    plain = forward_process.diffuse(images, noise, levels)
    steered = forward_process.diffuse(images, forward_process.amplify(noise, some_map, weight), levels)
    share = (1 - levels).sqrt().view(-1, 1, 1, 1) * weight * some_map * noise
    torch.testing.assert_close(steered - plain, share, rtol=1e-4, atol=1e-6)


def test_variance_per_pixel_follows_the_map():
    n, level, weight = 4000, 0.6, 0.8
    some_map = torch.linspace(0, 1, 16).view(4, 4)
    noise = torch.randn((n, 1, 4, 4), generator=torch.Generator().manual_seed(3))
    noisy = forward_process.diffuse(
        torch.zeros_like(noise), forward_process.amplify(noise, some_map, weight), torch.full((n,), level)
    )
    ratio = noisy[:, 0].double().var(dim=0) / ((1 - level) * (1 + weight * some_map.double()) ** 2)
    # (n - 1) * ratio is chi-square: all 16 pixels inside a 99.9 % band, and a map of half the strength outside of it
    low, high = (stats.chi2.ppf(q, n - 1) / (n - 1) for q in (0.0005, 0.9995))
    assert ((ratio > low) & (ratio < high)).all()
    weaker = noisy[:, 0].double().var(dim=0) / ((1 - level) * (1 + weight / 2 * some_map.double()) ** 2)
    assert (weaker > high).sum() > 8


def test_slope_of_the_linear_denoiser_trained_on_amplified_noise():
    n, level, weight, constant, variance = 200_000, 0.5, 0.5, 1.0, 0.25
    draws = torch.Generator().manual_seed(4)
    images = torch.randn((n, 1, 1, 1), generator=draws) * variance**0.5
    noise = torch.randn((n, 1, 1, 1), generator=draws)
    amplified = forward_process.amplify(noise, torch.full((1, 1), constant), weight)
    noisy = forward_process.diffuse(images, amplified, torch.full((n,), level)).flatten().double()
    slope = float((noisy @ noise.flatten().double()) / (noisy @ noisy))
    gain = 1 + weight * constant
    assert slope == pytest.approx((1 - level) ** 0.5 * gain / (level * variance + (1 - level) * gain**2), rel=0.01)


def test_loss_targets_the_plain_noise(noise):
    assert forward_process.noise_loss(noise, noise) == 0
    amplified = forward_process.amplify(noise, torch.ones(4, 4), 0.1)
    assert float(forward_process.noise_loss(amplified, noise)) == pytest.approx(
        0.01 * float((noise**2).mean()), rel=1e-4
    )


PROCESSES = [process for process in get_args(forward_process.ForwardProcess) if process != "none"]


@pytest.mark.parametrize("process", ["none", *PROCESSES])
def test_every_process_is_plain_without_map_and_without_weight(noise, process):
    for some_map, weight in ((None, 0.5), (torch.rand(4, 4), 0.0)):
        plain = forward_process.steer(noise, some_map, process, weight)
        assert plain.injected is noise
        assert plain.target is noise
        assert plain.loss_factor is None


@pytest.mark.parametrize("process", PROCESSES)
def test_a_zero_map_is_plain_bit_for_bit(noise, process):
    steered = forward_process.steer(noise, torch.zeros(4, 4), process, 0.7)
    assert torch.equal(steered.injected, noise)
    assert torch.equal(steered.target, noise)
    predicted = torch.randn(noise.shape)
    assert torch.equal(
        forward_process.noise_loss(predicted, steered.target, steered.loss_factor),
        forward_process.noise_loss(predicted, noise),
    )


def test_what_each_process_does_to_x_t_target_and_loss(noise):
    some_map, weight = torch.rand(4, 4), 0.4
    amplified, shifted = noise * (1 + weight * some_map), noise + weight * some_map
    expected = {
        "xt": (amplified, noise),
        "both": (amplified, amplified),
        "tgt_add": (noise, shifted),
        "xt_add": (shifted, noise),
        "loss_weight": (noise, noise),
    }
    for process in PROCESSES:
        steered = forward_process.steer(noise, some_map, process, weight)
        torch.testing.assert_close(steered.injected, expected[process][0])
        torch.testing.assert_close(steered.target, expected[process][1])
        assert (steered.loss_factor is None) == (process != "loss_weight")


def test_an_oracle_of_the_target_has_no_loss(noise):
    """F-both is learnt by an oracle of the amplified noise, F-xt by one of the plain noise (method 7)."""
    some_map = torch.rand(4, 4)
    amplified = forward_process.amplify(noise, some_map, 0.5)
    for process, oracle in (("both", amplified), ("xt", noise), ("tgt_add", noise + 0.5 * some_map)):
        steered = forward_process.steer(noise, some_map, process, 0.5)
        assert forward_process.noise_loss(oracle, steered.target, steered.loss_factor) == 0


def test_the_added_target_is_fitted_by_a_constant_of_lf_m():
    """The best constant prediction per pixel is E[eps] + lf M: the process amplifies nothing (method 1.3)."""
    noise = torch.randn((200_000, 1, 2, 2), generator=torch.Generator().manual_seed(6))
    some_map = torch.tensor([[0.0, 0.25], [0.5, 1.0]])
    fitted = forward_process.steer(noise, some_map, "tgt_add", 0.5).target.mean(dim=0)[0]
    torch.testing.assert_close(fitted, 0.5 * some_map, atol=0.01, rtol=0)


def test_the_weighted_loss_counts_each_pixel_by_its_factor(noise):
    some_map, predicted = torch.rand(4, 4), torch.randn(noise.shape)
    steered = forward_process.steer(noise, some_map, "loss_weight", 0.5)
    expected = ((predicted - noise) ** 2 * (1 + 0.5 * some_map)).mean()
    torch.testing.assert_close(forward_process.noise_loss(predicted, noise, steered.loss_factor), expected)


def test_input_perturbation_widens_the_noise_and_keeps_the_target():
    """Noise level times sqrt(1 + gamma^2); the label is 1 / (1 + gamma^2) of the injected noise (method 1.3)."""
    gamma, draws = 0.5, torch.Generator().manual_seed(7)
    noise, other = (torch.randn((200_000, 1, 1, 1), generator=draws) for _ in range(2))
    perturbed = forward_process.perturb(noise, other, gamma)
    assert perturbed.target is noise
    assert float(perturbed.injected.var()) == pytest.approx(1 + gamma**2, rel=0.01)
    slope = (perturbed.injected * noise).sum() / perturbed.injected.square().sum()
    assert float(slope) == pytest.approx(1 / (1 + gamma**2), rel=0.01)


def test_loss_is_float32_whatever_the_network_computes_in(noise):
    assert forward_process.noise_loss(noise.bfloat16(), noise).dtype == torch.float32
