"""Batches that fit, figures on a clock whose speed is known, and two precisions of one loss."""

import itertools

import pytest
import torch

from selfrefine.core.errors import InputError
from selfrefine.cost import network_speed, ready_network
from selfrefine.cost.flops import count
from selfrefine.cost.network_speed import Effort, agreement, measure, timed
from selfrefine.params import packaged
from tests.support.tiny import tiny_trainer
from tests.support.tiny_subject import WorkClock

CPU = torch.device("cpu")
PARAMS = packaged.of_experiment("smoke")
RUNS = ready_network.of_experiment(PARAMS)


class Machine:
    """Calls that take a second for so many images, on a clock that only they move; of too many memory is short, when
    the call is made or when it is called.
    """

    def __init__(self, monkeypatch, room, *, when_made=False, images_per_second=10.0, first=0.0):
        self.clock, self.room, self.when_made, self.first = WorkClock(), room, when_made, first
        self.rate, self.tried, self.calls = images_per_second, [], 0
        monkeypatch.setattr(network_speed, "clock_of", lambda device: self.clock)

    def make(self, batch):
        self.tried.append(batch)
        self._take(batch, self.when_made)
        seconds = itertools.chain([batch / self.rate + self.first], itertools.repeat(batch / self.rate))

        def call():
            self._take(batch, not self.when_made)
            self.calls += 1
            self.clock.work(next(seconds))

        return call

    def _take(self, batch, now):
        if now and batch > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


@pytest.mark.parametrize("when_made", [True, False])
@pytest.mark.parametrize(
    ("asked", "room", "tried"),
    [(8, 8, [8]), (8, 7, [8, 4]), (8, 1, [8, 4, 2, 1]), (256, 40, [256, 128, 64, 32]), (6, 2, [6, 3, 1]), (1, 1, [1])],
)
def test_a_batch_is_halved_until_it_fits_the_memory(monkeypatch, when_made, asked, room, tried):
    machine = Machine(monkeypatch, room, when_made=when_made)
    found = timed(machine.make, asked, CPU, Effort(0.0, 1000.0))
    assert machine.tried == tried
    assert found == (tried[-1], pytest.approx(tried[-1] / 10.0), None)


def test_one_image_that_does_not_fit_is_told(monkeypatch):
    with pytest.raises(InputError, match="one image does not fit the memory"):
        timed(Machine(monkeypatch, 0).make, 4, CPU, Effort(0.0, 1000.0))


def test_a_batch_is_halved_until_a_call_is_short_but_one_image_may_take_long(monkeypatch):
    machine = Machine(monkeypatch, 1000)
    assert timed(machine.make, 64, CPU, Effort(0.0, 2.0)).batch == 16
    slow = Machine(monkeypatch, 1000, images_per_second=0.01)
    assert timed(slow.make, 4, CPU, Effort(0.0, 2.0)).batch == 1


def test_a_first_call_that_loads_kernels_counts_for_nothing(monkeypatch):
    machine = Machine(monkeypatch, 1000, first=60.0)
    assert timed(machine.make, 8, CPU, Effort(0.0, 5.0)) == (8, pytest.approx(0.8), None)


def test_calls_are_timed_for_as_long_as_asked(monkeypatch):
    machine = Machine(monkeypatch, 1000)
    timed(machine.make, 10, CPU, Effort(7.5, 5.0))
    assert machine.calls == 1 + 8


def test_an_error_that_is_not_of_memory_is_not_taken_for_one():
    def make(batch):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    with pytest.raises(RuntimeError, match="illegal memory access"):
        timed(make, 4, CPU, Effort(0.0, 1.0))


@pytest.mark.parametrize("title", RUNS)
def test_images_per_second_are_those_of_the_passes_of_a_call(monkeypatch, title):
    """On a clock that goes on by a second whenever it is read each call takes one."""
    ticks = itertools.count()
    monkeypatch.setattr(network_speed, "clock_of", lambda device: lambda: float(next(ticks)))
    run, told = RUNS[title], []
    measure(PARAMS, run.names, title, "cpu", Effort(0.0, 5.0), lambda section, line: told.append((section, line)))
    batch, chunk = run.of("train_base")["batch_size"], run.of("generate_samples")["chunk_size"]
    expected = {"training": batch, "sampling, a step": chunk * ready_network.STEPS}
    expected |= {"decoding": chunk} if run.is_latent else {}
    speeds = [line for section, line in told if section == "speed"]
    assert {line["action"]: line["images_per_second"] for line in speeds} == expected
    assert speeds[0]["teraflops"] == pytest.approx(batch * count(run.network(), "train").flops / 1e12)
    assert all(line["batch"] == line["batch_of_params"] for line in speeds)
    ((_, loss),) = [line for line in told if line[0] == "loss"]
    assert 0.0 <= loss["difference"] < 0.05


def test_two_precisions_of_a_loss_are_of_the_same_weights_and_batch():
    trainer = tiny_trainer()
    before = {name: value.clone() for name, value in trainer.parameters.items()}
    found = agreement(trainer)
    assert all(torch.equal(value, before[name]) for name, value in trainer.parameters.items())
    fresh = tiny_trainer()
    assert found["float32"] == float(fresh.update())
    short = tiny_trainer(dtype=torch.bfloat16)
    assert found["bfloat16"] == float(short.update())
    assert found["difference"] == abs(found["bfloat16"] - found["float32"]) / found["float32"] > 0.0


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_is_none(value):
    trainer = tiny_trainer()
    with torch.no_grad():
        next(iter(trainer.parameters.values())).fill_(value)
    assert agreement(trainer) == {"float32": None, "bfloat16": None, "difference": None}
