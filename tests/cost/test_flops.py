"""FLOPs and bytes of networks whose figures follow on paper."""

import json
from contextlib import nullcontext

import pytest
import torch
from torch import nn

from selfrefine.core import devices
from selfrefine.cost.flops import LiveBytes, Network, count, live_bytes, passed
from selfrefine.cost.loads import Load, Run, feature_space, memory
from selfrefine.params import job_config
from tests.support import tiny, tiny_uvit
from tests.support.tiny_subject import tiny_network

CPU = torch.device("cpu")
# A convolution, a ReLU and a linear layer, and one head of attention over 16 places of 6 channels.
CONVOLUTION = Network(
    "convolution 8 px",
    lambda: nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(5 * 64, 7)),
    ((3, 8, 8),),
)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.queries, self.keys, self.values = (nn.Linear(6, 6, bias=False) for _ in range(3))

    def forward(self, places):
        read = (layer(places) for layer in (self.queries, self.keys, self.values))
        return nn.functional.scaled_dot_product_attention(*read)


ATTENTION = Network("attention", Attention, ((16, 6),))


def test_two_flops_for_each_multiplication_and_addition():
    counted = count(CONVOLUTION, "evaluate")
    assert counted.flops == 2 * (5 * 3 * 3 * 3 * 64 + 5 * 64 * 7)
    assert counted.parameters == (5 * 27 + 5) + (5 * 64 * 7 + 7)


def test_attention_counts_with_its_two_products():
    assert count(ATTENTION, "measure").flops == 2 * (3 * 16 * 6 * 6 + 2 * 16 * 16 * 6)


def test_the_backward_pass_is_twice_the_forward_one_but_for_the_gradient_of_the_images():
    convolution, linear = 2 * 5 * 27 * 64, 2 * 5 * 64 * 7
    assert count(CONVOLUTION, "train").flops == 2 * convolution + 3 * linear


def test_bytes_that_live_at_a_time():
    """What the convolution and the ReLU give, together, before the first is let go; weights are counted apart."""
    assert live_bytes(CONVOLUTION, "evaluate", 2, CPU, torch.float32) == 2 * 2 * 4 * 5 * 64


class Residual(nn.Linear):
    def forward(self, rows):
        return rows + super().forward(rows).sigmoid()


def test_autocast_halves_products_and_keeps_cast_weights_but_leaves_residuals_in_float32():
    """At the end there are the sigmoid of the product and the sum."""
    residual, row = Network("residual", lambda: Residual(64, 64, bias=False), ((64,),)), 1000 * 64

    def live(kind, dtype):
        return live_bytes(residual, kind, 1000, CPU, dtype)

    assert live("evaluate", torch.float32) == live("measure", torch.bfloat16) == (4 + 4) * row
    assert live("evaluate", torch.bfloat16) == (2 + 4) * row + 2 * 64**2


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_live_bytes_are_those_of_real_tensors(dtype):
    """Of an update of a U-ViT with plain attention on the CPU, and of the second of two evaluations of a chain."""
    network = Network("tiny U-ViT", lambda: tiny_uvit.tiny_pipeline().unet, ((3, tiny.SIZE, tiny.SIZE), ()))
    for kind in ("train", "evaluate"):
        module, inputs = network.build().train(kind == "train"), network.batch(4, CPU)
        chain = devices.autocast(CPU, dtype) if kind == "evaluate" else nullcontext()
        with chain, LiveBytes([*module.parameters(), *module.buffers(), *inputs]) as live:
            for _ in range(2 if kind == "evaluate" else 1):
                passed(module, inputs, kind, CPU, dtype)
        assert live_bytes(network, kind, 4, CPU, dtype) == pytest.approx(live.peak, rel=0.005)


def test_a_backward_pass_needs_what_an_evaluation_lets_go():
    layers = nn.Sequential(*(nn.Sequential(nn.Linear(50, 50, bias=False), nn.Sigmoid()) for _ in range(8)))
    given, peaks = torch.randn(1, 50), {}
    for gradients in (True, False):
        with LiveBytes([given, *layers.parameters()]) as live, torch.set_grad_enabled(gradients):
            layers(given)
        peaks[gradients] = live.peak
    assert peaks == {True: (8 + 1) * 200, False: 3 * 200}, "8 sigmoids and a product; a layer's input, product, sigmoid"


def test_live_bytes_forget_what_is_gone_and_count_no_view():
    with LiveBytes() as live:
        for _ in range(3):
            torch.ones(100)
        kept = torch.ones(100)
        _views = [kept.view(10, 10), kept[3:]]
    assert (live.peak, live.now) == (400, 400)


def test_a_network_is_counted_as_the_real_one():
    real = tiny.tiny_pipeline().unet
    assert count(tiny_network(), "evaluate").parameters == sum(parameter.numel() for parameter in real.parameters())
    wider = count(tiny_network(block_out_channels=[16, 16]), "evaluate")
    assert 3.0 < wider.flops / count(tiny_network(), "evaluate").flops < 4.0, "convolutions grow with width squared"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("batch", [2, 8])
def test_memory_of_training_is_that_of_a_real_update(batch, dtype):
    """Weights, EMA and two moments, and what lives during an update beside them, of a real trainer."""
    trainer = tiny.tiny_trainer(batch_size=batch, network={"block_out_channels": [32, 32]}, dtype=dtype)
    trainer.update()
    state = sum(value.numel() * 4 for name, value in trainer.tensors().items() if "/" in name)
    with LiveBytes() as live:
        trainer.update()
    load = Load("train", tiny_network(block_out_channels=[32, 32]), batch, 100 * batch)
    assert memory([load], CPU, dtype) == pytest.approx(state + live.peak, rel=0.15)


def run(model, size, train_base, **sections):
    """A run of one model, of the leaves that its network is built from."""
    params = {
        "shared": {"n_fakes": 10} | dict.fromkeys((*job_config.SHARED, "input_size"), 0),
        "prepare_data": {"size": size},
        "train_base": train_base | {"gradient_checkpointing": False},
        "datasets": {"images": {}},
        "models": {model: {}},
        **sections,
    }
    return Run(params, {"dataset": "images", "model": model})


def test_d1_costs_what_the_specification_says():
    """Method 8, D1 at 128 px: 94.998 million weights, 132.85 GFLOP an image, a step three times as much."""
    network = {"channels": 3, "block_out_channels": [128, 128, 256, 384, 512], "layers_per_block": 2, "dropout": 0.0}
    network |= {"attention": [False, False, False, True, True], "norm_num_groups": 32, "attention_head_dim": 64}
    diffusion = {"schedule": "linear", "timesteps": 1000, "learned_variance": False}
    base = {"family": "improved_ddpm", "network": network, "diffusion": diffusion}
    named = run("d1", 128, base).network()
    counted, step = count(named, "evaluate"), count(named, "train")
    assert counted.parameters / 1e6 == pytest.approx(94.998, abs=0.0025), "without attention's norms, 1,792 weights"
    assert counted.flops / 1e9 == pytest.approx(132.85, abs=0.01)
    assert step.flops == pytest.approx(3 * counted.flops, rel=2e-3)


def test_stable_diffusion_costs_what_the_specification_says():
    """Method 8, SD v1 U-Net on latents of 32: 859.521 million weights, 180.1 GFLOP."""
    network = {"channels": 3, "block_out_channels": [320, 640, 1280, 1280], "attention": [True, True, True, False]}
    network |= {"layers_per_block": 2, "norm_num_groups": 32, "attention_head_dim": [40, 80, 160, 160], "dropout": 0.0}
    autoencoder = {"latent_channels": 4, "block_out_channels": [8, 8, 8, 8]}
    counted = count(
        run(
            "sd",
            256,
            {"family": "stable_diffusion", "network": network, "diffusion": {}},
            train_autoencoder={"network": autoencoder},
            encode_captions={"tokens": 77, "text_encoder": "clip"},
            text_encoders={"clip": {"width": 768}},
        ).network(),
        "evaluate",
    )
    assert counted.parameters == 859_520_964
    assert counted.flops / 1e9 == pytest.approx(180.1, abs=0.05)


@pytest.mark.parametrize(("size", "gflops"), [(64, 2.51), (128, 10.03), (256, 40.12)])
def test_the_highlighter_costs_what_the_specification_says(size, gflops):
    """Method 8, FH VGG16."""
    highlighter = run("any", 8, {}, train_highlighter={"input_size": size}).highlighter()
    assert count(highlighter, "evaluate").flops / 1e9 == pytest.approx(gflops, abs=0.005)


def test_a_feature_space_is_its_extractors_network_and_names_tell_networks_apart():
    space = feature_space("vgg16_conv5_gap")
    assert count(space, "measure").parameters == 14_714_688  # torchvision's VGG16 without its classifier
    assert space == feature_space("vgg16_conv5_gap", 64)
    assert space != feature_space("vgg16_conv5_gap", 128)
    assert json.loads(space.name.partition(" px ")[2]) == []
