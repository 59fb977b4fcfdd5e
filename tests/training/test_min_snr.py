"""Weights of the loss by time (min-SNR): against a table by hand, and in the gradient of every family."""

import pytest
import torch

from selfrefine.core import random_streams
from selfrefine.diffusion import forward_process
from selfrefine.guidance.refinement import Refinement
from tests.support import tiny_trainers
from tests.support.tiny_trainers import FAMILIES

# abar, gamma, weight: SNR is 1 at 0.5, 9 at 0.9, 99 at 0.99, 1/9 at 0.1; gamma / SNR above gamma, 1 below it.
BY_HAND = [
    (0.5, 5.0, 1.0),
    (0.1, 5.0, 1.0),
    (0.9, 5.0, 5.0 / 9.0),
    (0.99, 5.0, 5.0 / 99.0),
    (0.9, 9.0, 1.0),
    (0.9, 1.0, 1.0 / 9.0),
    (0.5, 0.25, 0.25),
    (1.0, 5.0, 0.0),
]
PLAIN = {"forward": "none", "forward_weight": 0.0, "reverse": "none", "reverse_weight": 0.0, "cycle": 4}


@pytest.mark.parametrize(("level", "gamma", "weight"), BY_HAND)
def test_weights_are_those_of_a_table_by_hand(level, gamma, weight):
    (found,) = forward_process.min_snr(torch.tensor([level]), gamma).tolist()
    assert found == pytest.approx(weight, rel=1e-5, abs=1e-7)


def updated(family, gamma, steps=3, **settings):
    """Weights, and the loss of each step."""
    trainer = tiny_trainers.trainer(family, **settings)
    refinement = None if gamma is None else Refinement(**PLAIN, min_snr_gamma=gamma)
    losses = [float(trainer.update(None, refinement)) for _ in range(steps)]
    return torch.cat([value.flatten() for value in trainer.parameters.values()]).detach(), losses


@pytest.mark.parametrize("family", FAMILIES)
def test_without_a_gamma_it_is_plain_training_bit_for_bit(family):
    plain, losses = updated(family, None)
    off, same = updated(family, 0.0)
    assert torch.equal(off, plain)
    assert same == losses


@pytest.mark.parametrize("family", FAMILIES)
def test_a_gamma_above_every_ratio_changes_rounding_alone_and_a_low_one_the_loss(family):
    """At time 0 of the VP-SDE alone the ratio has no bound; no image of these steps is there."""
    plain, losses = updated(family, None, steps=1)
    high, same = updated(family, 1e9, steps=1)
    assert same == pytest.approx(losses, rel=1e-5)
    torch.testing.assert_close(high, plain, rtol=1e-3, atol=1e-3)
    assert updated(family, 0.01, steps=1)[1][0] < losses[0]


@pytest.mark.parametrize("parts", [1, 2, 4])
@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "improved_ddpm"])
def test_the_loss_is_the_weighted_mean_of_the_images(family, parts):
    """Against squared errors of each image by themselves, weighted in float64; whatever parts a batch passes in."""
    trainer = tiny_trainers.trainer(family)
    drawn = trainer.draws(0)
    levels = trainer.schedule.alphas_cumprod_at(drawn["times"])
    noisy = forward_process.diffuse(drawn["images"], drawn["noise"], levels)
    prompts = [drawn[name] for name in drawn if name == "prompts"]
    torch.manual_seed(random_streams.stream_seed(0, "dropout", 0))
    with torch.no_grad():
        output = trainer.network.train()(noisy, drawn["times"], *prompts).sample
    errors = (output - drawn["noise"]).double().square().mean(dim=(1, 2, 3))
    ratio = levels.double() / (1.0 - levels.double())
    expected = float((torch.minimum(ratio, torch.tensor(2.0)) / ratio * errors).mean())
    _, (loss,) = updated(family, 2.0, steps=1, gradient_accumulation=parts)
    assert loss == pytest.approx(expected, rel=1e-5)


def test_a_learned_variances_bound_has_no_weights():
    """The row of the last layer that makes v learns the same."""

    def gradient(gamma):
        one, found = tiny_trainers.trainer("improved_ddpm"), []
        one.network.conv_out.bias.register_hook(lambda gradient: found.append(gradient.clone()))
        one.update(None, Refinement(**PLAIN, min_snr_gamma=gamma))
        return found[0]

    plain, weighted = gradient(0.0), gradient(0.5)
    assert torch.equal(plain[len(plain) // 2 :], weighted[len(plain) // 2 :])
    assert not torch.equal(plain[: len(plain) // 2], weighted[: len(plain) // 2])


def test_it_multiplies_with_weights_of_a_map():
    """Both are factors of a squared error: twice the map's weights, twice the loss."""
    trainer = tiny_trainers.trainer("ddpm")
    ones = torch.ones_like(tiny_trainers.some_map(trainer))

    def loss(**changes):
        return float(tiny_trainers.trainer("ddpm").update(ones, Refinement(**(PLAIN | changes))))

    alone = loss(min_snr_gamma=1.0)
    both = loss(min_snr_gamma=1.0, forward="loss_weight", forward_weight=1.0)
    assert both == pytest.approx(2.0 * alone, rel=1e-5)
