"""The loop: refreshes, log, checkpoints."""

import pytest
import torch

from selfrefine.core.errors import InputError
from selfrefine.guidance.map_history import MapHistory
from selfrefine.guidance.refinement import Maps, Refinement
from selfrefine.training import loop
from tests.support.tiny import SIZE, tiny_trainer

BOTH = Refinement("xt", 0.5, "kv", 0.5, cycle=4)


def run(trainer, scratch, first=0, last=12, *, refinement=None, refresh=None, every=3):
    """A phase; returns the history of its maps, made by `refresh`."""
    history = None if refresh is None else MapHistory(refresh)
    loop.run_phase(
        trainer,
        scratch,
        label="test",
        first_step=first,
        last_step=last,
        checkpoint_every=every,
        log_every=2,
        refinement=refinement,
        refresh=history,
    )
    return history


def numbered_map(_network, number, _first):
    made = torch.full((SIZE, SIZE), (number + 1) / 10)
    return Maps(1 - made, made)


@pytest.mark.parametrize(("first", "expected"), [(0, [0, 4, 8]), (5, [5, 8, 12]), (8, [8, 12, 16])])
def test_map_is_refreshed_at_the_first_step_and_at_multiples_of_the_cycle(tmp_path, first, expected):
    trainer = tiny_trainer()
    trainer.step = first
    history = run(trainer, tmp_path, first, first + 10 if first else 10, refinement=BOTH, refresh=numbered_map)
    assert [row.step for row in history.rows] == expected
    mfams, used = history.stack(SIZE)
    assert used[:, 0, 0].tolist() == pytest.approx([0.1, 0.2, 0.3])
    assert mfams[:, 0, 0].tolist() == pytest.approx([0.9, 0.8, 0.7])


def test_each_refresh_sees_the_ema_weights_and_evaluation_mode(tmp_path):
    trainer, seen = tiny_trainer(), []

    def refresh(network, _number, _first):
        seen.append((network.training, {name: p.detach().clone() for name, p in network.named_parameters()}))
        return Maps(torch.zeros(SIZE, SIZE), torch.zeros(SIZE, SIZE))

    run(trainer, tmp_path, 0, 4, refinement=BOTH, refresh=refresh)
    plain = tiny_trainer()
    assert [training_mode for training_mode, _ in seen] == [False]
    assert all(torch.equal(seen[0][1][name], value) for name, value in plain.ema.items())


def test_baseline_never_asks_for_a_map(tmp_path):
    def refresh(_network, _number, _first):
        raise AssertionError("a variant without a process has no use for a map")

    none = Refinement("none", 0.5, "none", 0.5, 4)
    assert run(tiny_trainer(), tmp_path, refinement=none, refresh=refresh).rows == []


def test_log_holds_mean_losses_and_rates(tmp_path):
    probe = tiny_trainer()
    losses = [float(probe.update()) for _ in range(6)]
    trainer = tiny_trainer()
    run(trainer, tmp_path, 0, 6, every=100)
    columns = loop.log_columns(trainer)
    assert columns["step"] == [2, 4, 6]
    assert columns["loss"] == pytest.approx([sum(losses[i : i + 2]) / 2 for i in (0, 2, 4)], rel=1e-6)
    assert columns["learning_rate"] == [trainer.settings.rate(step) for step in (1, 3, 5)]


def test_interrupted_phase_goes_on_bit_equal_with_its_map(tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    unbroken = tiny_trainer()
    expected = run(unbroken, whole, refinement=BOTH, refresh=numbered_map)

    class KilledError(Exception):
        pass

    def dies_at_third_refresh(network, number, first):
        if number == 2:
            raise KilledError
        return numbered_map(network, number, first)

    with pytest.raises(KilledError):
        run(tiny_trainer(), parts, refinement=BOTH, refresh=dies_at_third_refresh)
    resumed = tiny_trainer()
    history = run(resumed, parts, refinement=BOTH, refresh=numbered_map)
    assert repr(history.rows) == repr(expected.rows)  # NaN is NaN
    assert all(torch.equal(*pair) for pair in zip(history.stack(SIZE), expected.stack(SIZE), strict=True))
    assert torch.equal(history.mean(SIZE), expected.mean(SIZE))
    assert resumed.log == unbroken.log
    tensors = unbroken.tensors()
    assert all(torch.equal(tensors[name], value) for name, value in resumed.tensors().items())


def test_loss_that_is_not_finite_stops_with_step_and_advice(tmp_path):
    trainer = tiny_trainer(learning_rate=1e30, warmup_steps=0)
    with pytest.raises(InputError, match=r"loss is (nan|inf) at step \d+.*train_base.learning_rate"):
        run(trainer, tmp_path)


def test_one_map_may_be_both_the_mfam_and_the_map_used(tmp_path):
    def same(_network, number, _first):
        made = torch.full((SIZE, SIZE), (number + 1) / 10)
        return Maps(made, made)

    history = run(tiny_trainer(), tmp_path, refinement=BOTH, refresh=same)  # its checkpoints hold both
    assert torch.equal(*history.stack(SIZE))
