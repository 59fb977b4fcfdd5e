"""What is measured is what params.yaml describes."""

from pathlib import Path

import torch

from selfrefine import networks
from selfrefine.cost import bench_subject
from selfrefine.params.experiment import read_params
from tests.support.tiny_subject import tiny_subject

PARAMS, _ = read_params(Path(__file__).resolve().parents[2], "embedded")


def test_network_batch_and_refinement_are_those_of_the_params():
    found = bench_subject.of_params(PARAMS, torch.device("cpu"))
    train = PARAMS["train_base"]
    assert found.base["network"] == {"channels": 1, **PARAMS["models"]["ddpm"]["train_base"]["network"]}
    assert found.settings.batch_size == train["batch_size"]
    assert found.settings.ema_decay == train["ema_decay"]
    assert found.images.shape[1] == PARAMS["datasets"]["fashion_mnist"]["prepare_data"]["size"]
    assert found.highlighter.input_size == PARAMS["train_highlighter"]["input_size"]
    assert not found.highlighter.training
    assert (found.refinement.forward, found.refinement.reverse) == ("xt", "kv")
    assert found.refinement.forward_weight == PARAMS["train_refined"]["forward_weight"]
    assert found.refinement.cycle == PARAMS["train_refined"]["cycle"]
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
    assert tiny_subject(torch.float32).precisions() == {"ours, float32": torch.float32}
    assert list(tiny_subject(torch.bfloat16).precisions()) == ["ours, float32", "ours, bfloat16"]
