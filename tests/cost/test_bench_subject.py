"""What is measured is what params.yaml describes."""

from pathlib import Path

import pytest
import torch

from selfrefine import networks
from selfrefine.commands.bench import read_params
from selfrefine.core import random_streams
from selfrefine.cost import bench_subject
from selfrefine.highlighter import gradcam
from tests.support.tiny_subject import tiny_subject

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def params():
    return read_params(ROOT)


def test_network_batch_and_refinement_are_those_of_the_params(params):
    found = bench_subject.of_params(params, torch.device("cpu"))
    train = params["train_base"]
    assert found.network == {"channels": 1, **params["models"]["ddpm"]["train_base"]["network"]}
    assert found.settings.batch_size == train["batch_size"]
    assert found.settings.ema_decay == train["ema_decay"]
    assert found.size == params["datasets"]["fashion_mnist"]["prepare_data"]["size"]
    assert found.highlighter.input_size == params["train_highlighter"]["input_size"]
    assert (found.refinement.forward, found.refinement.reverse) == ("xt", "kv")
    assert found.refinement.forward_weight == params["train_refined"]["forward_weight"]
    assert found.refinement.cycle == params["train_refined"]["cycle"]
    assert found.images.dtype == "uint8"


def test_pipelines_are_new_and_equal():
    one, other = tiny_subject().pipeline(), tiny_subject().pipeline()
    assert one.unet is not other.unet
    assert all(torch.equal(*pair) for pair in zip(one.unet.parameters(), other.unet.parameters(), strict=True))
    assert isinstance(one, networks.DiffusionPipeline)


def test_a_trainer_has_the_batch_and_precision_that_it_is_given():
    trainer = tiny_subject().trainer(3, torch.bfloat16)
    assert len(trainer.batch(0)) == 3
    assert trainer.dtype == torch.bfloat16


def test_precisions_begin_with_float32_and_hold_none_twice():
    assert tiny_subject(torch.float32).precisions() == [torch.float32]
    assert tiny_subject(torch.bfloat16).precisions() == [torch.float32, torch.bfloat16]


def test_maps_of_the_random_highlighter_are_not_empty():
    streams = [random_streams.stream(0, "map_noise", row) for row in range(4)]
    images = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2.0 - 1.0
    found = gradcam.flaw_activation_maps(bench_subject.random_highlighter(32), images, streams)
    assert int((found.amax(dim=(1, 2)) > 0.99).sum()) >= 2
