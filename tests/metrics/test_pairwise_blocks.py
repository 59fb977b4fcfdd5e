"""Blocks of all pairs: each pair once, in one order, and never the whole table."""

import threading
import tracemalloc

import numpy as np
import pytest

from selfrefine.metrics import balls, kernel, neighbours, pairwise_blocks
from selfrefine.metrics.pairwise_blocks import products, squared_distances


@pytest.mark.parametrize(("n", "m", "side"), [(10, 7, 4), (8, 8, 4), (3, 9, 20)])
def test_every_pair_is_in_one_block(monkeypatch, n, m, side):
    monkeypatch.setattr(pairwise_blocks, "SIDE", side)
    draws = np.random.default_rng(0)
    x, y = draws.normal(size=(n, 5)), draws.normal(size=(m, 5))
    table, distances = np.full((2, n, m), np.nan)
    for rows, columns, block in products(x, y, lambda block: block.values):
        assert np.isnan(table[rows, columns]).all()
        assert max(block.shape) <= side
        table[rows, columns] = block
    np.testing.assert_allclose(table, x @ y.T)
    for rows, columns, block in squared_distances(x, y, lambda block: block.values):
        distances[rows, columns] = block
    np.testing.assert_allclose(distances, ((x[:, None] - y) ** 2).sum(axis=2), atol=1e-12)


def test_blocks_above_the_diagonal_and_their_mirror_images_are_all_pairs(monkeypatch):
    monkeypatch.setattr(pairwise_blocks, "SIDE", 4)
    x, seen = np.eye(10), np.zeros((10, 10), int)
    for rows, columns, _ in products(x, x, lambda _: None, upper=True):
        seen[rows, columns] += 1
        seen[columns, rows] += rows != columns
    assert (seen == 1).all()


def test_order_does_not_depend_on_which_thread_is_first(monkeypatch):
    monkeypatch.setattr(pairwise_blocks, "SIDE", 2)
    monkeypatch.setattr(pairwise_blocks, "threads", lambda: 4)
    x, last = np.ones((8, 2)), threading.Event()

    def work(block):
        if block.rows.start == block.columns.start == 0:
            assert last.wait(10)
        last.set()

    places = [(rows.start, columns.start) for rows, columns, _ in products(x, x, work)]
    assert places == sorted(places)


@pytest.mark.parametrize("measure", ["kernel", "radii", "balls", "nearest"])
def test_memory_is_that_of_some_blocks_and_not_of_the_table(monkeypatch, measure):
    """4,000 x 4,000 pairs would be 122 MiB; a block of 256 x 256 is half a MiB."""
    monkeypatch.setattr(pairwise_blocks, "SIDE", 256)
    monkeypatch.setattr(pairwise_blocks, "threads", lambda: 2)
    x, y = np.random.default_rng(0).normal(size=(2, 4000, 8))
    uses = {
        "kernel": lambda: kernel.kernel_distance(kernel.Pool(x), kernel.Pool(y)),
        "radii": lambda: balls.Balls(x, 3).squared_radii,
        "balls": lambda: balls.figures(balls.Balls(x, 3), balls.Balls(y, 3)),
        "nearest": lambda: neighbours.nearest_in_train(x, x, y),
    }
    tracemalloc.start()
    uses[measure]()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 * 2**20
