"""Rates of a machine whose speed is known, and the start of real processes."""

import itertools
import sys

import pytest
import torch

from selfrefine.core.errors import InputError
from selfrefine.cost import flops, machine_rates
from selfrefine.cost.loads import Load
from selfrefine.cost.machine_rates import Key, Machine, Rate
from tests.cost.test_flops import tiny_network

CPU = torch.device("cpu")


def told(_line):
    pass


def machine(clock, dtype=torch.float32):
    return Machine(CPU, dtype, clock)


@pytest.mark.parametrize("kind", ["train", "evaluate", "measure"])
def test_a_rate_is_flops_over_the_seconds_of_a_call(kind):
    """On a clock that goes on by a second whenever it is read, a call takes one."""
    load = Load(kind, tiny_network(), batch=4, images=400)
    measured = machine_rates.rates([load, load], machine(itertools.count().__next__), 0.0, told)
    each = flops.count(load.network).flops * 4 * (3 if kind == "train" else 1)
    assert measured == {Key(kind, load.network, 4): Rate(each, 0.0)}
    assert machine_rates.seconds_of([load], measured) == 100.0


def test_the_fastest_call_counts_and_the_first_one_apart():
    load = Load("evaluate", tiny_network(), batch=1, images=1)
    ticks = iter([0.0, 9.0, 10.0, 14.0, 20.0, 22.0, 30.0, 33.0])  # calls of 9, 4, 2, 3 seconds
    measured = machine_rates.rates([load], machine(ticks.__next__), 1.0, told)
    assert measured[machine_rates.key(load)] == Rate(load.flops / 2.0, 7.0)
    assert machine_rates.seconds_of([load, load], measured) == 7.0 + 2 * 2.0


def test_a_batch_that_a_cpu_would_take_minutes_for_is_measured_smaller(monkeypatch):
    load = Load("train", tiny_network(), batch=64, images=64)
    monkeypatch.setattr(machine_rates, "LARGEST", 3.5 * flops.count(load.network).flops * 3)
    seen = []
    inputs = flops.Diffusion.inputs
    monkeypatch.setattr(flops.Diffusion, "inputs", lambda self, *args: seen.append(args[1]) or inputs(self, *args))
    measured = machine_rates.rates([load], machine(itertools.count().__next__), 0.0, told)
    assert seen == [3]
    assert measured[machine_rates.key(load)].flops == 3 * flops.count(load.network).flops * 3


def test_a_highlighter_is_measured_in_half_precision():
    load = Load("evaluate", flops.Classifier("highlighter", 32), batch=1, images=1)
    measured = machine_rates.rates([load], machine(itertools.count().__next__, torch.bfloat16), 0.0, told)
    assert measured[machine_rates.key(load)].flops == load.flops


def test_a_start_is_that_of_a_real_process():
    found = machine_rates.starts({"fetch_data": False}, told)["fetch_data"]
    assert 0.0 < found.seconds < 30.0
    assert 5e6 < found.held < 5e9


def test_a_stage_that_does_not_start_says_so():
    with pytest.raises(InputError, match=r"paint does not start \(exit 1\).*No module named"):
        machine_rates.starts({"paint": False}, told)
    assert "selfrefine.stages.paint" not in sys.modules
