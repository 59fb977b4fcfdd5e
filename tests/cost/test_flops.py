"""FLOPs and bytes of networks whose figures follow on paper."""

import json

import pytest
import torch
from torch import nn

from selfrefine.cost import flops
from tests.support import tiny, tiny_latent


class Plain:
    """A convolution, a ReLU and a linear layer, in the place of a network."""

    size = 8

    def build(self):
        return nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(5 * 64, 7))

    def inputs(self, _network, batch, device):
        return (torch.randn((batch, 3, 8, 8), device=device),)


def tiny_network(**changes):
    return flops.Diffusion("ddpm", json.dumps(tiny.NETWORK | changes), json.dumps(tiny.DIFFUSION), tiny.SIZE)


def test_two_flops_for_each_multiplication_and_addition():
    counted = flops.count(Plain())
    assert counted.flops == 2 * (5 * 3 * 3 * 3 * 64 + 5 * 64 * 7)
    assert counted.parameters == (5 * 27 + 5) + (5 * 64 * 7 + 7)


def test_bytes_that_live_at_a_time():
    """What the convolution and the ReLU give, together, before the first is let go; a backward pass needs the second
    to the end, and weights are counted apart."""
    counted = flops.count(Plain())
    assert counted.evaluated_bytes == counted.trained_bytes == 2 * 4 * 5 * 64


def test_a_backward_pass_needs_what_an_evaluation_lets_go():
    layers = nn.Sequential(*(nn.Sequential(nn.Linear(50, 50, bias=False), nn.Sigmoid()) for _ in range(8)))
    given, peaks = torch.randn(1, 50), {}
    for gradients in (True, False):
        with flops.LiveBytes([given, *layers.parameters()]) as live, torch.set_grad_enabled(gradients):
            layers(given)
        peaks[gradients] = live.peak
    assert peaks == {True: (8 + 1) * 200, False: 3 * 200}, "8 sigmoids and a product; a layer's input, product, sigmoid"


def test_live_bytes_forget_what_is_gone():
    with flops.LiveBytes() as live:
        for _ in range(3):
            torch.ones(100)
    assert (live.peak, live.now) == (400, 0)


def test_a_view_is_no_second_tensor():
    with flops.LiveBytes() as live:
        kept = torch.ones(100)
        _views = [kept.view(10, 10), kept[3:]]
    assert live.peak == 400


def test_a_family_counts_like_its_real_network():
    named, real = tiny_network(), tiny.tiny_pipeline().unet
    assert flops.count(named).parameters == sum(parameter.numel() for parameter in real.parameters())
    wider = flops.count(tiny_network(block_out_channels=[16, 16]))
    assert 3.0 < wider.flops / flops.count(named).flops < 4.0, "convolutions grow with the square of their width"


def test_stable_diffusion_costs_what_the_specification_says():
    """Method 8, SD v1 U-Net on latents of 32: 859.521 million weights, 180.1 GFLOP."""
    network = {"channels": 3, "block_out_channels": [320, 640, 1280, 1280], "attention": [True, True, True, False]}
    network |= {"layers_per_block": 2, "norm_num_groups": 32, "attention_head_dim": [40, 80, 160, 160], "dropout": 0.0}
    first = tiny_latent.AUTOENCODER | {"latent_channels": 4, "block_out_channels": [8, 8, 8, 8]}
    autoencoder = flops.Autoencoder("kl", json.dumps(first), 256)
    schedule = json.dumps(tiny_latent.DIFFUSION)
    named = flops.Diffusion("stable_diffusion", json.dumps(network), schedule, 256, autoencoder, (77, 768))
    counted = flops.count(named)
    assert counted.parameters == 859_520_964
    assert counted.flops / 1e9 == pytest.approx(180.1, abs=0.05)


@pytest.mark.parametrize(("size", "gflops"), [(64, 2.51), (128, 10.03), (256, 40.12)])
def test_the_highlighter_costs_what_the_specification_says(size, gflops):
    """Method 8, FH VGG16."""
    counted = flops.count(flops.Classifier("highlighter", size))
    assert counted.flops / 1e9 == pytest.approx(gflops, abs=0.005)


def test_a_feature_space_is_its_extractors_network():
    counted = flops.count(flops.Classifier("vgg16_conv5_gap", 64))
    assert counted.parameters == 14_714_688  # torchvision's VGG16 without its classifier
