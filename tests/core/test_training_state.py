"""A training that goes on from its file is the unbroken one, bit for bit, whatever the memory layout of its weights."""

import pytest
import torch
from torch import nn

from selfrefine.core import training_state


def network(layout=torch.contiguous_format):
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(36, 2)).to(memory_format=layout)


def trained(model, optimiser, steps):
    for step in steps:
        torch.manual_seed(step)
        model(torch.randn(2, 3, 5, 5)).square().mean().backward()
        optimiser.step()
        optimiser.zero_grad()
    return model


def optimiser_of(model):
    return torch.optim.AdamW(model.parameters(), lr=0.1, fused=True)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_training_goes_on_as_if_it_had_never_stopped(tmp_path, capsys, layout):
    whole = network(layout)
    trained(whole, optimiser_of(whole), range(6))

    first = network(layout)
    optimiser = optimiser_of(first)
    trained(first, optimiser, range(3))
    tensors = training_state.grouped("weights", first.state_dict())
    tensors |= training_state.moments(first.named_parameters(), optimiser)
    training_state.write(tmp_path, tensors, 3, "a remedy", log=[[1, 0.5]])

    kept, metadata = training_state.read(tmp_path)
    assert metadata == {"step": 3, "log": [[1, 0.5]]}
    assert capsys.readouterr().out == "going on after step 3\n"
    second = network(layout)
    optimiser = optimiser_of(second)
    second.load_state_dict(training_state.of_group("weights", kept))
    training_state.restore_moments(second.named_parameters(), optimiser, kept)
    trained(second, optimiser, range(3, 6))
    for name, value in whole.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name


def test_without_a_file_a_training_begins(tmp_path, capsys):
    assert training_state.read(tmp_path) is None
    assert capsys.readouterr().out == ""


def test_groups_come_apart_as_they_were_put_together():
    one, other = {"a/b": torch.ones(2)}, {"a": torch.zeros(1)}
    together = training_state.grouped("weights", one) | training_state.grouped("ema", other)
    assert together.keys() == {"weights/a/b", "ema/a"}
    assert training_state.of_group("weights", together).keys() == one.keys()
    assert training_state.of_group("ema", together).keys() == other.keys()
