"""What is kept of the maps of a phase: all that is needed of them, in bounded memory, through any interruption."""

import math

import pytest
import torch

from selfrefine.core import arrays, training_state
from selfrefine.guidance.map_history import MOST_KEPT, MapHistory, is_kept
from selfrefine.guidance.refinement import Maps

SIDE = 4


def made(number):
    draws = torch.Generator().manual_seed(number)
    return Maps(*(torch.rand((SIDE, SIDE), generator=draws) for _ in Maps._fields))


def make(_network, number, first):
    assert (first is None) == (number == 0)
    assert first is None or torch.equal(first, made(0).mfam)
    return made(number)


def history(refreshes):
    found = MapHistory(make)
    for number in range(refreshes):
        found(None, 10 * number)
    return found


def checkpoint(found, path):
    """A checkpoint on the disk, and the history that goes on after it."""
    arrays.write_tensors(path, training_state.grouped("maps", found.tensors()), {"refreshes": found.rows})
    tensors, metadata = arrays.read_tensors(path)
    resumed = MapHistory(make)
    resumed.restore(training_state.of_group("maps", tensors), metadata["refreshes"], torch.device("cpu"))
    return resumed


@pytest.mark.parametrize("refreshes", [1, 2, MOST_KEPT, MOST_KEPT + 1, 3 * MOST_KEPT, 200])
def test_kept_are_the_first_the_last_and_evenly_spread_ones(refreshes):
    found = history(refreshes)
    mfams, used = found.stack(SIDE)
    assert len(found.rows) == refreshes
    assert (found.kept[0], found.kept[-1]) == (0, refreshes - 1)
    assert len(set(torch.tensor(found.kept[:-1]).diff().tolist())) <= 1
    assert min(refreshes, MOST_KEPT / 2) <= len(found.kept) <= MOST_KEPT + 1
    for place, number in enumerate(found.kept):
        assert torch.equal(mfams[place], made(number).mfam)
        assert torch.equal(used[place], made(number).used)
    assert torch.equal(found.current, made(refreshes - 1).used)


@pytest.mark.parametrize("refreshes", [1, 3, 100])
def test_the_mean_is_that_of_all_refreshes(refreshes):
    every = torch.stack([made(number).used for number in range(refreshes)]).double().mean(dim=0)
    torch.testing.assert_close(history(refreshes).mean(SIDE)[0], every.float(), rtol=1e-6, atol=0)


def test_memory_and_checkpoints_do_not_grow_with_refreshes(tmp_path):
    """Beside the maps a refresh leaves seven numbers: less than any map that a network is trained with."""
    sizes, held = {}, {}
    for refreshes in (4 * MOST_KEPT, 16 * MOST_KEPT):
        found = history(refreshes)
        held[refreshes] = sum(value.numel() for value in found.tensors().values())
        checkpoint(found, tmp_path / str(refreshes))
        sizes[refreshes] = (tmp_path / str(refreshes)).stat().st_size
    few, many = held.values()
    assert many == few <= (2 * MOST_KEPT + 3) * SIDE**2
    few, many = sizes.values()
    assert many - few < 200 * 12 * MOST_KEPT


@pytest.mark.parametrize("before", [0, 1, 5, MOST_KEPT, MOST_KEPT + 1, 77])
def test_a_history_that_went_through_a_checkpoint_is_bit_equal(tmp_path, before):
    resumed, whole = checkpoint(history(before), tmp_path / "checkpoint"), history(before + 3)
    for number in range(before, before + 3):
        resumed(None, 10 * number)
    assert repr(resumed.rows) == repr(whole.rows)
    assert resumed.kept == whole.kept
    assert resumed.tensors().keys() == whole.tensors().keys()
    assert all(torch.equal(value, whole.tensors()[name]) for name, value in resumed.tensors().items())


def test_what_is_kept_stays_kept_until_it_goes_for_good():
    for number in range(300):
        flags = [is_kept(number, last) for last in range(number, 600)]
        assert flags == sorted(flags, reverse=True)


def test_refreshes_are_told_in_numbers():
    ramp = torch.arange(16.0).view(4, 4) / 16
    maps = [Maps(ramp, torch.full((4, 4), 0.25)), Maps(ramp.T, 1 - ramp)]
    found = MapHistory(lambda _network, number, _first: maps[number])
    for step in (12, 16):
        found(None, step)
    columns = dict(zip(found.rows[0]._fields, zip(*found.rows, strict=True), strict=True))
    assert columns["step"] == (12, 16)
    assert columns["mean"] == pytest.approx([0.25, 1 - 7.5 / 16])
    assert columns["std"] == pytest.approx([0.0, (21.25**0.5) / 16])
    assert columns["mfam_mean"] == pytest.approx([7.5 / 16] * 2)
    assert columns["mfam_std"] == pytest.approx([(21.25**0.5) / 16] * 2)
    # of a constant map there is no correlation; rows and columns of the ramp weigh 16 to 1
    assert columns["r_mfam"] == pytest.approx([math.nan, -8 / 17], nan_ok=True)
    assert columns["r_first"] == pytest.approx([math.nan, -1.0], nan_ok=True)
