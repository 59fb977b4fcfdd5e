"""What writes the names of figures on planted sizes and what reads them agree."""

import itertools

import pytest

from selfrefine.core.names import KINDS
from selfrefine.core.planted_names import CHANCE, HIT, LESS_CENTRE, LESS_OTHERS, LESS_REAL, Planted, planted_at, read


def test_a_name_is_read_as_what_it_was_made_of():
    figures = (HIT, LESS_CENTRE, LESS_OTHERS, LESS_REAL)
    for share, kind, figure in itertools.product((0.125, 0.5, 1.0, 1 / 3), KINDS, figures):
        name = planted_at(share, kind, figure)
        assert read(name) == Planted(float(f"{share:g}"), kind, figure)
    assert read(planted_at(0.25)) == Planted(0.25, CHANCE, HIT)


@pytest.mark.parametrize("metric", ["accuracy", "hit_cell_blur", "planted_at", "planted:0.5:blur:hit"])
def test_other_metrics_are_not_of_sizes(metric):
    assert read(metric) is None
