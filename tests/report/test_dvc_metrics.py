"""Plain numbers for `dvc metrics`."""

import math

import pytest

from selfrefine.report import dvc_metrics
from selfrefine.report.tables import table6
from tests.support.tiny_metrics import FD, generation, highlighter
from tests.support.tiny_results import tiny_results


def leaves(branch):
    return [leaf for node in branch.values() for leaf in (leaves(node) if isinstance(node, dict) else [node])]


def test_summary_holds_plain_finite_numbers():
    results = tiny_results(generation(FD, seeds=2), highlighter=highlighter(2))
    tree = dvc_metrics.summary(results, table6.lines(results), {})
    assert tree["shapes"]["tiny"]["highlighter"]["f1"] == pytest.approx(0.8)
    both = tree["shapes"]["tiny"]["both"]["alexnet_conv5_gap"]
    assert both["fd_test"] == pytest.approx(9.0 * 1.005)
    assert both["fd_test_difference"] == pytest.approx(math.log(0.9))
    assert "fd_test_difference" not in tree["shapes"]["tiny"]["floor"]["alexnet_conv5_gap"]
    assert all(isinstance(leaf, float) and math.isfinite(leaf) for leaf in leaves(tree))


def test_summary_tells_what_is_mixed():
    results = tiny_results(generation(FD), highlighter=highlighter())
    plain, mixed = (
        dvc_metrics.summary(results, table6.lines(results), found)
        for found in ({}, {"precision": {"float32": 3, "bfloat16": 1}})
    )
    assert mixed == plain | {"unlike machines": {"precision": 2}}
