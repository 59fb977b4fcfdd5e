"""The scale of the predicted noise: closed forms, every sampler and family, and the choice of the best one."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from selfrefine.core import files
from selfrefine.core.errors import DamagedError, InputError
from selfrefine.diffusion import noise_schedule, prompts, samplers
from selfrefine.diffusion.noise_schedule import Schedule
from selfrefine.guidance import noise_scale
from selfrefine.guidance.noise_scale import ScaledNoise, scaled
from selfrefine.metrics import frechet
from tests.support.drawn import ABAR, drawn
from tests.support.tiny_families import FITTING

MEAN, VARIANCE = 0.1, 0.04


class Linear(nn.Module):
    """The best noise predictor for pixels x_0 ~ N(MEAN, VARIANCE), times a factor that it ought not to have."""

    device, config = torch.device("cpu"), SimpleNamespace(in_channels=1, sample_size=4)

    def __init__(self, factor=1.0):
        super().__init__()
        self.factor = factor

    def forward(self, noisy, time):
        level = float(ABAR[int(time)])
        slope = math.sqrt(1.0 - level) / (level * VARIANCE + 1.0 - level)
        return SimpleNamespace(sample=self.factor * slope * (noisy - math.sqrt(level) * MEAN))


def test_of_a_factor_of_one_the_network_itself_is_sampled():
    network = Linear()
    assert scaled(network, 1.0) is network
    assert (ScaledNoise(network, 1.01).device, ScaledNoise(network, 1.01).config) == (network.device, network.config)


@pytest.mark.parametrize("factor", [0.9, 1.005, 1.3])
def test_images_of_one_ddim_step_are_the_closed_form(factor):
    """x_0 = (x_T - s k eps) / a: with two steps, the first to the lowest time."""
    noisy = torch.randn(3, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    (t, level, lower), (last, _, _) = Schedule(ABAR).chain(2)
    noise = factor * Linear()(noisy, t).sample
    images = (noisy - math.sqrt(1.0 - level) * noise) / math.sqrt(level)
    below = math.sqrt(lower) * images + math.sqrt(1.0 - lower) * noise
    expected = (below - math.sqrt(1.0 - lower) * factor * Linear()(below, last).sample) / math.sqrt(lower)
    found = samplers.ddim(scaled(Linear(), factor), Schedule(ABAR, bounded=False), noisy, 2, [])
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-3)


def last_layer(unet):
    """The layer that gives the prediction, whose first C channels are the noise."""
    found = getattr(unet, "conv_out", None)
    return found if found is not None else [m for m in unet.modules() if isinstance(m, nn.Conv2d | nn.Linear)][-1]


@pytest.mark.parametrize("sampler", list(samplers.SAMPLERS))
@pytest.mark.parametrize("family", [name for name, _ in FITTING.items() if "others" not in name])
def test_in_every_family_and_sampler_it_is_a_larger_last_layer(family, sampler):
    """All weights behind the noise are multiplied; those of a learned variance are not."""
    make, _ = FITTING[family]
    pipeline, schedule = make(), noise_schedule.of(make())
    if sampler.startswith("euler") and not schedule.continuous:
        with pytest.raises(InputError, match="it is for networks of continuous time"):
            drawn(scaled(pipeline.unet, 1.05), 2, sampler, 3, schedule=schedule)
        return
    captions = None
    if family == "stable_diffusion":
        embeddings = np.random.default_rng(0).normal(size=(3, 4, pipeline.unet.config.cross_attention_dim))
        captions = prompts.Captions(embeddings.astype(np.float32), np.array([1, 2]))

    def images(network):
        with torch.no_grad():
            return drawn(
                prompts.prompted(network, captions, [0, 1], 1.0 if captions is None else 2.0),
                2,
                sampler,
                3,
                schedule=schedule,
            )

    plain, found = images(pipeline.unet.eval()), images(scaled(pipeline.unet.eval(), 1.05))
    channels = pipeline.unet.config.in_channels
    layer = last_layer(pipeline.unet)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter[: channels if schedule.learned_variance else None] *= 1.05
    torch.testing.assert_close(found, images(pipeline.unet.eval()), rtol=1e-3, atol=1e-4)
    assert not torch.equal(found, plain)


def test_a_learned_variance_is_left_as_it_is():
    def network(noisy, time):
        return SimpleNamespace(sample=torch.cat([noisy, 3.0 * noisy], dim=1))

    noisy = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    found = ScaledNoise(network, 1.01)(noisy, 5).sample
    torch.testing.assert_close(found, torch.cat([1.01 * noisy, 3.0 * noisy], dim=1))


@pytest.mark.parametrize("factor", [0.998, 1.002, 1.005])
def test_a_prediction_in_half_precision_is_scaled_by_no_other_factor(factor):
    """The neighbours of 1 in bfloat16 are 0.9961 and 1.0078."""
    ones = torch.ones(1, 1, 2, 2)
    network = ScaledNoise(lambda noisy, t: SimpleNamespace(sample=ones.bfloat16()), factor)
    assert network(ones, 0).sample.flatten().tolist() == pytest.approx([factor] * 4, rel=1e-6)


# -- the choice --------------------------------------------------------------------------------------------------------


def pixels_of(network, purpose):
    return frechet.gaussian(drawn(network, 256, purpose=purpose).reshape(-1, 1).numpy())


@pytest.mark.parametrize("fault", [1.0, 1.005, 1.01, 1.033, 0.99])
def test_noise_of_a_wrong_scale_is_mended(fault):
    """A predictor that is right but for a factor gets its inverse back, by images of the right one from other noise."""
    truth, broken = pixels_of(Linear(), "evaluation"), Linear(1.0 / fault)

    def distance(scale):
        return frechet.frechet_distance(pixels_of(scaled(broken, scale), "eps_scale"), truth)

    found = noise_scale.choice(distance, [1.06, 0.96, 0.98, 1.0, 1.02, 1.04])
    assert list(found["eps_scale"][:6]) == [0.96, 0.98, 1.0, 1.02, 1.04, 1.06]
    best = found[found["chosen"]].squeeze()
    assert best["eps_scale"] == pytest.approx(fault, abs=0.003)
    assert best["fd_train"] < 0.05 * found["fd_train"].max()


def chosen_of(table):
    (scale,) = table.loc[table["chosen"], "eps_scale"]
    return scale


@pytest.mark.parametrize("scales", [[0.98, 1.0, 1.02, 1.04], [0.9, 1.0, 1.01, 1.05], [0.97, 1.0, 1.03, 1.2]])
@pytest.mark.parametrize("lowest", [1.0049, 1.0131, 1.028])
def test_of_a_parabola_the_very_lowest_is_found_between_any_scales(scales, lowest):
    table = noise_scale.choice(lambda scale: 2.0 + 500.0 * (scale - lowest) ** 2, scales)
    assert chosen_of(table) == pytest.approx(lowest, abs=0.5e-4)
    assert list(table["fitted"]) == [False] * len(scales) + [True]


@pytest.mark.parametrize(
    ("distances", "best"),
    [
        ({0.99: 1.0, 1.0: 2.0, 1.01: 3.0}, 0.99),
        ({0.98: 3.0, 1.0: 2.0, 1.05: 1.0}, 1.05),
        ({0.98: 1.0, 1.0: 1.0, 1.01: 1.0}, 1.0),
        ({0.99: 1.0, 1.0: 2.0, 1.01: 1.0}, 0.99),
        ({0.99: 2.0, 1.0: 1.0, 1.01: 2.0}, 1.0),
    ],
)
def test_at_an_end_or_at_a_scale_that_is_lowest_no_other_one_is_tried(tmp_path, distances, best):
    """The function knows no distance of any other scale. Of equal distances the nearest to 1 is chosen."""
    table = noise_scale.choice(distances.__getitem__, list(distances))
    assert chosen_of(table) == best
    files.write_table(tmp_path / "scales.csv", table)
    assert noise_scale.chosen((tmp_path / "scales.csv",), "row") == best


def test_a_fitted_scale_that_is_no_better_is_not_chosen():
    distances = {0.98: 3.0, 1.0: 1.0, 1.02: 2.0}
    table = noise_scale.choice(lambda scale: distances.get(scale, 1.5), list(distances))
    assert (len(table), chosen_of(table)) == (4, 1.0)


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_a_distance_that_is_no_number_is_told(wrong):
    with pytest.raises(InputError, match=rf"FD with eps_scale 1.01 is {wrong}: images or features of it are no num"):
        noise_scale.choice({1.0: 1.0, 1.01: wrong}.__getitem__, [1.0, 1.01])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("eps_scale,fd_train,chosen\n1.0,2.0,False\n1.01,2.0,False\n", "0 scales of the noise are chosen in it, not"),
        ("eps_scale,fd_train,chosen\n1.0,2.0,True\n1.01,2.0,True\n", "2 scales of the noise are chosen in it, not one"),
        ("fd_train,chosen\n1.0,True\n", "0 scales of the noise are chosen in it, not one"),
    ],
)
def test_a_file_without_one_choice_is_damaged(tmp_path, text, told):
    files.write_text(tmp_path / "scales.csv", text)
    with pytest.raises(DamagedError, match=told):
        noise_scale.chosen((tmp_path / "scales.csv",), "row")


def test_no_choice_names_the_row():
    with pytest.raises(InputError, match=r"samplings\.row\.generate_samples\.eps_scale is best, and 0 choices are giv"):
        noise_scale.chosen((), "row")
