"""Read-outs on networks and images whose truth is known."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from selfrefine.core import arrays
from selfrefine.core.errors import InputError
from selfrefine.diffusion.noise_schedule import Schedule
from selfrefine.evidence import probes
from selfrefine.evidence.probes import (
    Places,
    agreement,
    fake_logits,
    features_at,
    load_vgg16,
    mean_difference,
    place,
    quarters,
    slope,
)
from tests.support import tiny_highlighter
from tests.support.wrong_params import project_params

SIZE, TIMES = 8, (60, 90)
LEVELS = torch.linspace(0.999, 0.001, 100)
MAP = np.linspace(0.1, 0.9, SIZE * SIZE, dtype=np.float32).reshape(SIZE, SIZE)
VARIANCE = 0.04


class LinearDenoiser(nn.Module):
    """The best linear prediction of eps for pixels of N(0, VARIANCE), trained on (1 + lf M) eps (method 1.3)."""

    device = torch.device("cpu")
    config = SimpleNamespace(in_channels=1)

    def __init__(self, guidance_map, weight):
        super().__init__()
        self.gain = 1.0 + weight * torch.tensor(guidance_map)

    def forward(self, noisy, times):
        level = LEVELS[times].view(-1, 1, 1, 1)
        variance = level * VARIANCE + (1.0 - level) * self.gain**2
        return SimpleNamespace(sample=(1.0 - level).sqrt() * self.gain / variance * noisy)


def images(n=256, size=SIZE):
    grey = np.random.default_rng(0).normal(0.0, math.sqrt(VARIANCE), (n, size, size, 1)).clip(-1.0, 1.0)
    return np.repeat(((grey + 1.0) * 127.5).round().astype(np.uint8), 3, axis=3)


def products(guidance_map=MAP, weight=0.0, count=256, seed=0):
    return agreement(
        LinearDenoiser(guidance_map, weight), Schedule(LEVELS), images()[:count], timesteps=TIMES, seed=seed
    )


# -- (a) mechanism -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weight", [0.01, -0.01, 0.05])
def test_training_on_amplified_noise_shows_as_a_slope_of_about_minus_its_weight(weight):
    level = LEVELS[TIMES[0] : TIMES[1] + 1].numpy()
    signal, noise = level * VARIANCE, 1.0 - level
    expected = -weight * np.mean((noise - signal) / (noise + signal))
    found = slope(products(weight=weight), products(), MAP)
    assert found.value == pytest.approx(expected, rel=2.5 * abs(weight) + 0.01)
    assert found.value == pytest.approx(-weight, rel=0.2)
    assert (found.low < 0.0) == (found.high < 0.0)


def test_a_uniform_map_shows_no_slope_though_it_changes_the_network():
    uniform = products(np.full_like(MAP, MAP.mean()), 0.05)
    assert abs(uniform.mean() / products().mean() - 1.0) > 0.01
    found = slope(uniform, products(), MAP)
    assert found.low <= 0.0 <= found.high
    assert abs(found.value) < 0.0005


def test_the_opposite_map_shows_the_opposite_slope():
    found = slope(products(1.0 - MAP, 0.01), products(), MAP)
    assert found.low > 0.0


def test_images_t_and_noise_are_the_same_for_every_network_and_free_of_the_chunk():
    assert np.array_equal(products(count=100)[:70], products(count=70))
    assert not np.array_equal(products(count=70), products(count=70, seed=1))


def test_slope_has_the_error_of_new_images_which_a_regression_over_pixels_does_not_know():
    """Every image pulls the whole field along the map: residuals over pixels are 0, the slope is noise all the same."""
    draws, n, spread = np.random.default_rng(1), 100, 0.5
    pattern = MAP - MAP.mean()
    values, covered = [], []
    for _ in range(400):
        reference = 1.0 + draws.normal(0.0, 0.01, (n, SIZE, SIZE))
        pulled = reference + spread * draws.normal(size=(n, 1, 1)) * pattern
        found = slope(pulled, reference, MAP)
        values.append(found.value)
        covered.append(found.low < 0.0 < found.high)
    assert np.std(values) == pytest.approx(spread / math.sqrt(n), rel=0.15)
    assert np.mean(covered) == pytest.approx(0.95, abs=0.035)
    ratio = (pulled.mean(axis=0) / reference.mean(axis=0)).ravel()
    residuals = ratio - np.polyval(np.polyfit(pattern.ravel(), ratio, 1), pattern.ravel())
    naive = math.sqrt(np.sum(residuals**2) / (ratio.size - 2) / np.sum(pattern**2))
    assert 1.96 * naive < 0.2 * np.std(values)


def test_slope_is_that_of_the_regression():
    draws = np.random.default_rng(2)
    one, other = draws.normal(1.0, 0.1, (2, 50, SIZE, SIZE))
    ratio = one.mean(axis=0) / other.mean(axis=0) - 1.0
    assert slope(one, other, MAP).value == pytest.approx(np.polyfit(MAP.ravel(), ratio.ravel(), 1)[0])


def test_a_constant_map_has_neither_slope_nor_places():
    flat = np.full_like(MAP, 0.3)
    assert math.isnan(slope(products(weight=0.1), products(), flat).value)
    assert quarters(flat, 4) is None


# -- (b) place ---------------------------------------------------------------------------------------------------------


def test_quarters_are_the_highest_and_the_lowest_cells():
    corner = np.zeros((8, 8), np.float32)
    corner[:4, 4:] = 1.0  # the cells 2, 3, 6, 7 of a grid of four by four
    corner[4:] = 0.5
    top, bottom = quarters(corner, 4)
    assert set(top) == {2, 3, 6, 7}
    assert set(bottom) == {0, 1, 4, 5}


@pytest.fixture(scope="module")
def vgg16(tmp_path_factory):
    return load_vgg16(tiny_highlighter.write_weights(tmp_path_factory.mktemp("weights") / "vgg16.safetensors"), "cpu")


def texture(n, contrast, seed):
    """Noise around grey, (n, 32, 32, 3) uint8; `contrast` is a field (32, 32)."""
    draws = np.random.default_rng(seed).normal(size=(n, 32, 32, 1)) * 50.0
    return np.repeat((128.0 + draws * contrast[None, :, :, None]).clip(0, 255).astype(np.uint8), 3, axis=3)


def test_place_finds_where_the_images_changed(vgg16):
    """The top quarter is the right column, the bottom one the left; a reference with too little contrast everywhere."""
    guidance_map = np.tile(np.linspace(0.0, 1.0, 8, dtype=np.float32), (8, 1))
    chosen = quarters(guidance_map, 16)
    low = np.full((32, 32), 0.6)
    mended_top, mended_bottom = low.copy(), low.copy()
    mended_top[:, 24:], mended_bottom[:, :8] = 0.9, 0.9
    fields = {"top": mended_top, "bottom": mended_bottom, "everywhere": low + 0.05, "reference": low}

    def at(field, seed):
        return features_at(vgg16, texture(32, field, seed), chosen, 32)

    real = at(np.ones((32, 32)), 1)
    found = {name: at(field, 2) for name, field in fields.items()}
    told = {name: place(found[name], found["reference"], real).value for name in fields}
    assert told["top"] < -0.1
    assert told["bottom"] > 0.1
    assert abs(told["everywhere"]) < 0.05
    assert told["reference"] == 0.0


def test_features_are_those_of_the_chosen_cells_of_conv2_2(vgg16):
    batch = texture(3, np.ones((32, 32)), 0)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (probes.IMAGENET_MEAN, probes.IMAGENET_STD))
    pixels = torch.tensor(batch).permute(0, 3, 1, 2) / 255.0
    with torch.no_grad():
        cells = vgg16((pixels - mean) / std)
    assert cells.shape == (3, 128, 16, 16)
    assert (cells >= 0.0).all()
    found = features_at(vgg16, batch, (np.array([3, 19]), np.array([0])), 32)
    assert np.allclose(found.top, (cells[:, :, 0, 3] + cells[:, :, 1, 3]) / 2.0, rtol=1e-4, atol=1e-5)
    assert np.allclose(found.bottom, cells[:, :, 0, 0], rtol=1e-4, atol=1e-5)


def sizes_in_use():
    """(px of the images, px that VGG16 gets) of every data set of every experiment."""
    found = set()
    for experiment in ("embedded", "small", "sweep", "paper"):
        params = project_params(experiment)
        for dataset in params["select"]["datasets"]:
            rows = params["datasets"][dataset], params
            found.add(
                tuple(
                    next(row[stage][leaf] for row in rows if leaf in row.get(stage, {}))
                    for stage, leaf in (("prepare_data", "size"), ("evaluate_readouts", "input_size"))
                )
            )
    return sorted(found)


@pytest.mark.parametrize("turns", [0, 3])
@pytest.mark.parametrize(("size", "input_size"), [(32, 32), *sizes_in_use()])
def test_noise_that_is_planted_in_a_quarter_stays_there(vgg16, size, input_size, turns):
    """The map is highest where the noise is, at the top or the right, and lowest at the other end."""
    draws = np.random.default_rng(size)
    clean, real = draws.integers(60, 200, (2, 5, size, size, 3), dtype=np.uint8)
    noisy, there = clean.astype(int), np.rot90(np.arange(size)[:, None] < size // 4 + np.zeros((1, size)), turns)
    noisy[:, there] += draws.normal(0.0, 60.0, (5, int(there.sum()), 3)).astype(int)
    fall = np.rot90(np.tile(np.linspace(1.0, 0.0, size, dtype=np.float32)[:, None], (1, size)), turns)
    chosen = quarters(np.ascontiguousarray(fall), input_size // probes.POOLING)
    found, base, target = (
        features_at(vgg16, images.clip(0, 255).astype(np.uint8), chosen, input_size) for images in (noisy, clean, real)
    )
    assert np.allclose(found.bottom, base.bottom, rtol=1e-4, atol=1e-6)
    risen = np.log(probes._distances(found, target)) - np.log(probes._distances(base, target))
    assert risen[0] > 0.1
    assert risen[1] == pytest.approx(0.0, abs=1e-3)
    assert place(found, base, target).value == pytest.approx(risen[0], abs=1e-3)


def drawn(draws, n, top=0.0, bottom=0.0):
    return Places(draws.normal(size=(n, 3)) + 0.5 + top, draws.normal(size=(n, 3)) + 0.5 + bottom)


def test_place_has_the_spread_of_new_images_and_needs_enough_of_them():
    draws, n = np.random.default_rng(3), 60
    real = Places(*np.random.default_rng(4).normal(size=(2, 4000, 3)))
    values, errors = [], []
    for _ in range(150):
        found = place(drawn(draws, n, top=0.2), drawn(draws, n), real)
        values.append(found.value)
        errors.append((found.high - found.low) / (2.0 * 1.96))
    assert np.mean(values) > 0.2
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.35)
    assert math.isnan(place(drawn(draws, 23), drawn(draws, 23), real).low)


def test_images_that_equal_the_real_ones_at_a_place_tell_nothing():
    real = drawn(np.random.default_rng(5), 60)
    assert math.isnan(place(Places(real.top + 0.1, real.bottom), drawn(np.random.default_rng(6), 60), real).value)


def test_weights_of_another_network_are_one_line(tmp_path):
    path = tmp_path / "weights.safetensors"
    arrays.write_tensors(path, {"features.0.weight": torch.zeros(1)})
    with pytest.raises(InputError, match="no weights of VGG16") as error:
        load_vgg16(path, torch.device("cpu"))
    assert "\n" not in str(error.value)


# -- (c) critic --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_critic_of_brightness_reads_out_brightness(sign):
    critic = tiny_highlighter.brightness_highlighter(32, sign=sign)
    dark = np.random.default_rng(0).integers(140, 180, (20, 32, 32, 3), dtype=np.uint8)
    bright, same = (fake_logits(critic, levels, seed=0, dtype=torch.float32) for levels in (dark + np.uint8(40), dark))
    reference = fake_logits(critic, dark, seed=0, dtype=torch.float32)
    found = mean_difference(bright, reference)
    assert sign * found.low > 0.0
    assert sign * found.high > 0.0
    assert mean_difference(same, reference) == probes.Estimate(0.0, 0.0, 0.0)


def test_mean_difference_is_paired_over_images():
    draws = np.random.default_rng(1)
    common, n = draws.normal(0.0, 5.0, 50), 50
    one, other = (common + draws.normal(shift, 0.1, n) for shift in (0.3, 0.0))
    found = mean_difference(one, other)
    assert found.value == pytest.approx(one.mean() - other.mean())
    assert found.low > 0.2
    assert found.high < 0.4
