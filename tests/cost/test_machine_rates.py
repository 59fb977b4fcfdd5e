"""Rates of a machine whose speed is known, and the start of a real process."""

import itertools

import pytest
import torch

from selfrefine.core.errors import InputError
from selfrefine.cost import clock, machine_rates
from selfrefine.cost.flops import Network, count
from selfrefine.cost.loads import Load
from selfrefine.highlighter.model import Highlighter
from tests.support.tiny_subject import tiny_network

CPU = torch.device("cpu")


def rates(monkeypatch, ticks, loads, dtype=torch.float32, seconds=0.0):
    """Measured with a clock that shows these seconds in turn."""
    monkeypatch.setattr(clock, "work_clock_of", lambda device: ticks.__next__)
    said = []
    return machine_rates.rates(loads, CPU, dtype, seconds, said.append), said


@pytest.mark.parametrize("kind", ["train", "evaluate", "measure"])
def test_a_rate_is_flops_over_the_seconds_of_a_call(monkeypatch, kind):
    """On a clock that goes on by a second whenever it is read, a call takes one; the largest batch is measured."""
    network = tiny_network()
    loads = [Load(kind, network, 2, 4), Load(kind, network, 4, 400)]
    measured, said = rates(monkeypatch, itertools.count(), loads)
    assert measured == {(kind, network): (4 * count(network, kind).flops, 0.0)}
    assert machine_rates.seconds_of(loads[1:], measured) == pytest.approx(100.0)
    assert len(said) == 1
    assert said[0].startswith(f"{kind} tiny 8 px, 4 images: ")


def test_the_fastest_call_counts_and_the_first_one_apart(monkeypatch):
    load = Load("evaluate", tiny_network(), batch=1, images=1)
    ticks = iter([0.0, 4.5, 10.0, 12.0, 20.0, 21.0, 30.0, 31.5])  # calls of 4.5, 2, 1, 1.5 seconds
    measured, _ = rates(monkeypatch, ticks, [load], seconds=1.0)
    assert measured == {("evaluate", load.network): (load.flops / 1.0, 3.5)}
    assert machine_rates.seconds_of([load, load], measured) == pytest.approx(3.5 + 2 * 1.0)


def test_a_first_call_faster_than_the_others_takes_no_time_off(monkeypatch):
    load = Load("evaluate", tiny_network(), batch=1, images=1)
    measured, _ = rates(monkeypatch, iter([0.0, 1.0, 10.0, 12.0, 20.0, 22.0, 30.0, 32.0]), [load])
    assert measured == {("evaluate", load.network): (load.flops / 2.0, 0.0)}


def test_of_long_calls_one_beside_the_first_is_enough(monkeypatch):
    load = Load("evaluate", tiny_network(), batch=1, images=1)
    measured, _ = rates(monkeypatch, iter([0.0, 7.0, 10.0, 15.0]), [load], seconds=60.0)
    assert measured == {("evaluate", load.network): (load.flops / 5.0, 2.0)}


def test_a_batch_that_a_cpu_would_take_minutes_for_is_measured_smaller(monkeypatch):
    network, seen = tiny_network(), []
    monkeypatch.setattr(machine_rates, "LARGEST", 3.5 * count(network, "train").flops)
    batch = Network.batch
    monkeypatch.setattr(Network, "batch", lambda self, images, on: seen.append(images) or batch(self, images, on))
    measured, _ = rates(monkeypatch, itertools.count(), [Load("train", network, 64, 64)])
    assert seen[0] == 3
    assert measured["train", network].flops == pytest.approx(3 * count(network, "train").flops)
    rates(monkeypatch, itertools.count(), [Load("evaluate", network, 640, 640)])
    assert 3 * machine_rates.EVALUATED <= seen[1] < 640, "without gradients more, and not all"


def test_a_highlighter_is_measured_in_half_precision_and_channels_last(monkeypatch):
    last = torch.channels_last
    network = Network("small", lambda: Highlighter(32, shortcut_guard=False), ((3, 32, 32),), layout=last)
    load = Load("evaluate", network, batch=1, images=1)
    measured, _ = rates(monkeypatch, itertools.count(), [load], torch.bfloat16)
    assert measured["evaluate", network].flops == load.flops
    assert network.batch(2, CPU)[0].is_contiguous(memory_format=last)


def test_a_start_is_that_of_a_real_process():
    seconds, held = machine_rates.start()
    assert 0.0 < seconds < 30.0
    assert 5e7 < held < 5e9


def test_a_job_that_does_not_start_says_so(monkeypatch):
    monkeypatch.setattr(machine_rates, "START", "import selfrefine.stages.paint")
    with pytest.raises(InputError, match=r"a job does not start \(exit 1\).*No module named"):
        machine_rates.start()
