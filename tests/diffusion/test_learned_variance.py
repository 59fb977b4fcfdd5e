"""The variational bound against integrals and sums in float64, and against the closed form of a Gaussian (method 7)."""

import math

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler
from scipy import integrate, stats

from selfrefine.diffusion import forward_process, learned_variance
from selfrefine.diffusion.learned_variance import Bound, gaussian_divergence, pixel_surprise
from selfrefine.diffusion.noise_schedule import Schedule

COSINE = DDPMScheduler(20, beta_schedule="squaredcos_cap_v2")
SCHEDULE = Schedule(COSINE.alphas_cumprod, learned_variance=True)


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("apart", "variance", "other"), [(0.0, 1.0, 1.0), (0.3, 0.5, 2.0), (-1.5, 2.0, 0.25)])
def test_divergence_of_gaussians_is_its_integral(apart, variance, other):
    one, two = stats.norm(apart, variance**0.5), stats.norm(0.0, other**0.5)
    expected, _ = integrate.quad(lambda x: one.pdf(x) * (one.logpdf(x) - two.logpdf(x)), -20.0, 20.0)
    found = gaussian_divergence(*(torch.tensor(value) for value in (apart, math.log(variance), math.log(other))))
    assert float(found) == pytest.approx(expected, abs=1e-6)


def mass(level, mean, std):
    """Of the bin of a grey level 0 ... 255, float64."""
    low = -np.inf if level == 0 else (2.0 * level - 1.0) / 255.0 - 1.0
    high = np.inf if level == 255 else (2.0 * level + 1.0) / 255.0 - 1.0
    if low + high > 2.0 * mean:  # its tail, for digits
        return stats.norm.sf(low, mean, std) - stats.norm.sf(high, mean, std)
    return stats.norm.cdf(high, mean, std) - stats.norm.cdf(low, mean, std)


@pytest.mark.parametrize(("mean", "std"), [(0.1, 0.02), (-0.97, 0.05), (1.01, 0.1), (0.0, 3.0)])
def test_surprise_of_every_grey_level_is_that_of_its_bin(mean, std):
    pixels = torch.arange(256) / 127.5 - 1.0
    found = pixel_surprise(pixels, pixels - mean, torch.full_like(pixels, 2.0 * math.log(std))).double().numpy()
    expected = np.array([mass(level, mean, std) for level in range(256)])
    assert np.exp(-found).sum() == pytest.approx(1.0, abs=1e-5)
    likely = expected > 1e-11
    assert found[likely] == pytest.approx(-np.log(expected[likely]), rel=1e-3, abs=1e-4)
    assert (found[~likely] > -math.log(1.1e-11)).all()
    assert np.isfinite(found).all()


def test_log_variance_goes_from_one_bound_to_the_other():
    v = torch.tensor([-1.0, 0.0, 1.0])
    found = learned_variance.log_variance(v, math.log(0.1), math.log(0.4)).exp()
    assert found.tolist() == pytest.approx([0.1, 0.2, 0.4])  # the mean of logarithms between them


def expected_term(t, noise, v, image, noisy):
    """Of one image, in bits per dimension: float64, from diffusers' betas alone."""
    betas = COSINE.betas.double().numpy()
    levels = np.cumprod(1.0 - betas)
    level, lower = levels[t], levels[t - 1] if t else 1.0
    variances = [betas[k] * (1.0 - levels[k - 1]) / (1.0 - levels[k]) for k in range(1, len(betas))]
    smallest = variances[max(t, 1) - 1]  # that of t = 0 is taken from t = 1
    first, second = lower**0.5 * betas[t] / (1.0 - level), (1.0 - betas[t]) ** 0.5 * (1.0 - lower) / (1.0 - level)
    total = 0.0
    for eps, fraction, x, x_t in zip(
        *(part.double().flatten().numpy() for part in (noise, v, image, noisy)), strict=True
    ):
        mean = first * (x_t - (1.0 - level) ** 0.5 * eps) / level**0.5 + second * x_t
        variance = math.exp((fraction + 1.0) / 2.0 * math.log(betas[t]) + (1.0 - fraction) / 2.0 * math.log(smallest))
        if t == 0:
            total -= math.log(mass(round((x + 1.0) * 127.5), mean, variance**0.5))
        else:
            ratio, gap = smallest / variance, first * x + second * x_t - mean
            total += 0.5 * (ratio - 1.0 - math.log(ratio) + gap**2 / variance)
    return total / math.log(2.0) / image.numel()


@pytest.mark.parametrize("t", [0, 1, 7, 18, 19])
def test_terms_equal_an_independent_computation_also_for_amplified_noise(t):
    """x_t is what the network saw; the posterior is that of plain (x_0, x_t)."""
    images = torch.randint(0, 256, (3, 2, 4, 4), generator=torch.Generator().manual_seed(1)) / 127.5 - 1.0
    eps, v = normal(3, 2, 4, 4), 0.7 * normal(3, 2, 4, 4, seed=2)
    amplified = forward_process.amplify(eps, torch.rand((4, 4), generator=torch.Generator().manual_seed(3)), 0.5)
    times = torch.full((3,), t)
    noisy = forward_process.diffuse(images, amplified, SCHEDULE.alphas_cumprod_at(times))
    predicted = eps + 0.1 * normal(3, 2, 4, 4, seed=4)
    found = Bound(SCHEDULE).terms(predicted, v, images, noisy, times)
    expected = [expected_term(t, *parts) for parts in zip(predicted, v, images, noisy, strict=True)]
    assert found.tolist() == pytest.approx(expected, rel=2e-3)


def gaussian_bound(levels, variance, v_of):
    """Bits per dimension of the sum of all terms for data N(0, variance) and the exact noise predictor, by sampling."""
    n, bound = 100_000, Bound(Schedule(levels.float(), learned_variance=True))
    images, total = variance**0.5 * normal(n, 1, 1, 1), 0.0
    for t, level in enumerate(levels.tolist()):
        times = torch.full((n,), t)
        noisy = forward_process.diffuse(images, normal(n, 1, 1, 1, seed=t + 1), torch.full((n,), level))
        noise = (1.0 - level) ** 0.5 * noisy / (level * variance + 1.0 - level)
        total += float(bound.terms(noise, torch.full_like(noisy, v_of(t)), images, noisy, times).double().mean())
    return total


def test_all_terms_and_the_prior_of_an_exact_model_are_the_entropy_of_its_data():
    """Steps back of Gaussian data are Gaussians whose variance lies between the bounds: then nothing is lost but the
    divergence of x_T from the prior. A bin is 2 / 255 wide."""
    variance, betas = 0.04, torch.linspace(0.02, 0.5, 12, dtype=torch.float64)
    levels = torch.cumprod(1.0 - betas, 0)
    smallest = [float(betas[k] * (1 - levels[k - 1]) / (1 - levels[k])) for k in range(1, 12)]

    def exact(t):
        level, lower, beta = float(levels[t]), float(levels[t - 1]) if t else 1.0, float(betas[t])
        left = variance * (1 - level) / (level * variance + 1 - level)  # of x_0, given x_t
        true = (beta * (1 - lower) + lower * beta**2 / (1 - level) * left) / (1 - level)
        low = math.log(smallest[max(t, 1) - 1])
        return 2.0 * (math.log(true) - low) / (math.log(beta) - low) - 1.0

    last = float(levels[-1])
    prior = 0.5 * (last * variance + (1 - last) - 1.0 - math.log(1 - last))  # KL(q(x_T | x_0) || N(0, 1)), over x_0
    width = last * variance + 1 - last
    entropy = 0.5 * math.log(2 * math.pi * math.e * variance) - math.log(2 / 255)
    expected = (entropy + 0.5 * (width - 1.0 - math.log(width))) / math.log(2.0)
    found = gaussian_bound(levels, variance, exact) + prior / math.log(2.0)
    assert found == pytest.approx(expected, abs=0.01)
    for other in (-1.0, 1.0):  # either bound in its place is worse
        assert gaussian_bound(levels, variance, lambda _t, v=other: v) + prior / math.log(2.0) > expected + 0.02


def test_the_loss_teaches_the_variance_alone_and_is_lambda_of_the_sum():
    images, noisy, times = normal(4, 3, 4, 4).clamp(-1, 1), normal(4, 3, 4, 4, seed=1), torch.tensor([0, 1, 9, 19])
    output = normal(4, 6, 4, 4, seed=2).requires_grad_()
    bound = Bound(SCHEDULE)
    loss = bound.loss(output, images, noisy, times)
    loss.backward()
    assert torch.count_nonzero(output.grad[:, :3]) == 0
    assert (output.grad[:, 3:].flatten(1).abs().sum(dim=1) > 0).all()
    terms = bound.terms(*output.detach().chunk(2, dim=1), images, noisy, times)
    assert float(loss.detach()) == pytest.approx(0.001 * 20 * float(terms.mean()), rel=1e-6)
    assert bound.loss(output.bfloat16(), images, noisy, times).dtype == torch.float32


def test_the_gradient_is_finite_at_every_time_however_far_the_network_is_off():
    times = torch.arange(20)
    images, noisy = normal(20, 1, 4, 4).sign(), 3.0 * normal(20, 1, 4, 4, seed=1)
    output = (5.0 * normal(20, 2, 4, 4, seed=2)).requires_grad_()
    loss = Bound(SCHEDULE).loss(output, images, noisy, times)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(output.grad).all()
