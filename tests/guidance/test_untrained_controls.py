"""Untrained controls: the closed forms of method 1.3 and 2.5, and refinements that they cannot be taken from."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.interpolate import CubicSpline
from torch import nn

from selfrefine.core import arrays, files
from selfrefine.core.errors import InputError
from selfrefine.diffusion import noise_schedule
from selfrefine.diffusion.noise_schedule import Schedule
from selfrefine.guidance.attention_modulation import modulated, self_attentions
from selfrefine.guidance.untrained_controls import TimeShift, corrected, shifted_time, shifted_times
from tests.support.tiny import SIZE, TIMESTEPS, tiny_pipeline

BETAS = np.linspace(1e-4, 0.02, 1000)
ABAR = np.cumprod(1.0 - BETAS)
RUN = {"forward": "xt", "forward_weight": 0.5, "reverse": "kv", "reverse_weight": 0.4, "projection": "identity"}
RUN |= {"layers": "all"}


class LinearDenoiser(nn.Module):
    """The best noise predictor for x0 ~ N(0, v) of every pixel, at any time: the schedule itself is a spline."""

    device, config = torch.device("cpu"), SimpleNamespace(in_channels=1, sample_size=4)

    def __init__(self, variance):
        super().__init__()
        self.variance, self.log_level = variance, CubicSpline(np.arange(1000), np.log(ABAR))

    def forward(self, noisy, time):
        level = math.exp(self.log_level(float(time)))
        slope = math.sqrt(1.0 - level) / (level * self.variance + 1.0 - level)
        return SimpleNamespace(sample=slope * noisy)


@pytest.mark.parametrize("factor", [0.9, 1.005, 1.3])
@pytest.mark.parametrize("variance", [0.25, 4.0])
@pytest.mark.parametrize("t", [20, 300, 600, 900])
def test_linear_denoiser_becomes_that_of_the_forward_process(t, variance, factor):
    """Method 1.3: s (1 + lf c) / (abar v + (1 - abar) (1 + lf c)^2)."""
    noisy = torch.randn(3, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    shift = TimeShift(LinearDenoiser(variance), Schedule(torch.from_numpy(ABAR).float()), factor)
    level = ABAR[t]
    slope = math.sqrt(1.0 - level) * factor / (level * variance + (1.0 - level) * factor**2)
    torch.testing.assert_close(shift(noisy, t).sample, slope * noisy, rtol=5e-4, atol=0.0)


def test_the_clock_is_off_by_about_a_step_at_most_at_the_papers_weight():
    """To first order log(1 + lf c) over the slope of log noise-to-signal, which is -d log(abar) / (2 (1 - abar))."""
    times, scales = shifted_times(ABAR, 1.005)
    shifts = times - np.arange(1000)
    expected = np.log(1.005) * 2.0 * (1.0 - ABAR) / -np.gradient(np.log(ABAR))
    assert shifts[50:990] == pytest.approx(expected[50:990], rel=0.01)
    assert 0.95 < shifts.max() < 1.05
    assert shifts[-1] == 0.0  # there is no later time
    assert scales == pytest.approx(np.sqrt(ABAR + (1.0 - ABAR) * 1.005**2))
    back, _ = shifted_times(ABAR, 1.0 / 1.005)
    assert back[0] == 0.0
    assert np.interp(back[20:900], np.arange(1000), times) == pytest.approx(np.arange(20, 900), abs=0.01)


@pytest.mark.parametrize("factor", [0.9, 1.0, 1.005, 1.3])
@pytest.mark.parametrize("t", [0.01, 0.3, 0.8])
def test_a_continuous_clock_is_shifted_to_the_noise_to_signal_ratio_asked_for(t, factor):
    def noise_to_signal(t):
        level = math.exp(-0.1 * t - 9.95 * t**2)
        return math.sqrt((1.0 - level) / level)

    time, scale = shifted_time(999.0 * t, factor)
    assert noise_to_signal(time / 999.0) == pytest.approx(factor * noise_to_signal(t), rel=1e-9)
    level = math.exp(-0.1 * t - 9.95 * t**2)
    assert scale == pytest.approx(math.hypot(math.sqrt(level), factor * math.sqrt(1.0 - level)), rel=1e-12)
    assert shifted_time(999.0, 1.3)[0] == 999.0  # there is no later time


def test_a_network_of_continuous_time_is_given_the_shifted_time_and_the_scaled_image():
    seen = []

    def network(noisy, time):
        seen.append((noisy, time))

    image = torch.full((1, 1, 2, 2), 0.5)
    TimeShift(network, Schedule(torch.from_numpy(ABAR).float(), continuous=True), 1.3)(image, 400.5)
    time, scale = shifted_time(400.5, 1.3)
    assert float(seen[0][1]) == pytest.approx(time)
    torch.testing.assert_close(seen[0][0], image / scale)


@pytest.fixture(scope="module")
def pipeline():
    """An untrained network whose last layer is not zero, as that of diffusers is."""
    return tiny_pipeline()


@pytest.fixture(scope="module")
def noisy():
    return torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def source(tmp_path):
    """Writes maps and config of a refinement; `changes` replace its leaves."""

    def write(maps=None, **changes):
        stack = np.random.default_rng(0).uniform(size=(3, SIZE, SIZE)) if maps is None else maps
        mean = stack.sum(axis=0, keepdims=True)[: len(stack)] / max(1, len(stack))
        for name, kept in (("maps", stack[-1:]), ("mean_map", mean)):  # of many maps not all are kept
            arrays.write_array(tmp_path / f"{name}.npy", kept.astype(np.float32))
        files.write_json(tmp_path / "config.json", RUN | changes)
        return tuple(tmp_path / name for name in ("maps.npy", "mean_map.npy", "config.json"))

    return write


def predicted(pipeline, noisy, correction, source, t=7):
    levels = noise_schedule.of(pipeline)
    with torch.no_grad(), corrected(pipeline.unet.eval(), levels, correction, source, "row") as network:
        return network(noisy, t).sample


def test_without_correction_the_network_itself_is_sampled(pipeline):
    with corrected(pipeline.unet, noise_schedule.of(pipeline), "none", (), "row") as network:
        assert network is pipeline.unet


@pytest.mark.parametrize(
    ("correction", "changes"),
    [
        ("time_shift", {"forward_weight": 0.0}),
        ("kv_gain", {"reverse_weight": 0.0}),
        ("keep_map", {"reverse_weight": 0.0}),
    ],
)
def test_a_weight_of_zero_is_plain_bit_for_bit(pipeline, noisy, source, correction, changes):
    plain = predicted(pipeline, noisy, "none", ())
    for t in range(0, TIMESTEPS, 5):
        assert torch.equal(
            predicted(pipeline, noisy, correction, source(**changes), t), predicted(pipeline, noisy, "none", (), t)
        )
    assert not torch.equal(predicted(pipeline, noisy, correction, source()), plain)
    assert torch.equal(predicted(pipeline, noisy, "none", ()), plain)  # and no trace is left


def test_time_shift_is_of_the_mean_over_all_refreshes(pipeline, noisy, source):
    maps = np.stack([np.full((SIZE, SIZE), value) for value in (0.1, 0.2, 0.9)])
    expected = TimeShift(pipeline.unet, noise_schedule.of(pipeline), 1.0 + 0.5 * 0.4)
    with torch.no_grad():
        torch.testing.assert_close(predicted(pipeline, noisy, "time_shift", source(maps)), expected(noisy, 7).sample)


@pytest.mark.parametrize("process", ["kv", "k", "v"])
def test_gain_is_that_of_smaller_weights(noisy, source, process):
    """Dividing K and V is dividing the weights and biases of the layers that make them."""
    pipeline, maps = tiny_pipeline(), np.random.default_rng(1).uniform(size=(4, SIZE, SIZE))
    found = predicted(pipeline, noisy, "kv_gain", source(maps, reverse=process))
    with torch.no_grad():
        for attention in self_attentions(pipeline.unet):
            for name in process:
                for parameter in getattr(attention, f"to_{name}").parameters():
                    parameter /= 1.0 + 0.4 * maps.mean()
    torch.testing.assert_close(found, predicted(pipeline, noisy, "none", ()))


def test_gain_undoes_a_uniform_map(pipeline, noisy, source):
    uniform = torch.full((SIZE, SIZE), 0.6)
    with modulated(pipeline.unet, uniform, 0.4):
        undone = predicted(pipeline, noisy, "kv_gain", source(uniform[None].numpy()))
    torch.testing.assert_close(undone, predicted(pipeline, noisy, "none", ()))


def test_the_last_map_is_kept(noisy, source):
    """A uniform last map is larger weights; the maps before it are not used."""
    pipeline, maps = tiny_pipeline(), np.random.default_rng(2).uniform(size=(3, SIZE, SIZE))
    maps[-1] = 0.3
    found = predicted(pipeline, noisy, "keep_map", source(maps))
    with torch.no_grad():
        for attention in self_attentions(pipeline.unet):
            for parameter in (*attention.to_k.parameters(), *attention.to_v.parameters()):
                parameter *= 1.0 + 0.4 * 0.3
    torch.testing.assert_close(found, predicted(pipeline, noisy, "none", ()))


def test_the_map_is_kept_where_it_was_in_training(pipeline, noisy, source):
    everywhere, not_in_the_middle = (
        predicted(pipeline, noisy, "keep_map", source(layers=layers)) for layers in ("all", "no_mid")
    )
    assert not torch.equal(everywhere, not_in_the_middle)


@pytest.mark.parametrize(
    ("correction", "changes", "told"),
    [
        ("keep_map", {"maps": np.zeros((0, SIZE, SIZE))}, r"names a variant without a map \(.*maps.npy is empty\)"),
        ("time_shift", {"forward": "none"}, "its forward process is none; time_shift is that of a variant with xt"),
        ("kv_gain", {"reverse": "none"}, "its reverse process is none, projection identity; kv_gain is that of"),
        ("keep_map", {"projection": "conv3"}, "its reverse process is kv, projection conv3; keep_map is that of"),
    ],
)
def test_a_refinement_that_a_correction_cannot_be_taken_from(pipeline, noisy, source, correction, changes, told):
    with pytest.raises(InputError, match=told) as error:
        predicted(pipeline, noisy, correction, source(**changes))
    assert str(error.value).startswith("params.yaml: samplings.row.map_of: ")
    assert "\n" not in str(error.value)


def test_a_correction_needs_a_refinement(pipeline, noisy):
    with pytest.raises(
        InputError, match=r"samplings\.row\.map_of: missing, but generate_samples.correction is kv_gain"
    ):
        predicted(pipeline, noisy, "kv_gain", ())
