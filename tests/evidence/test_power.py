import itertools

import numpy as np
import pytest

from selfrefine.evidence import power, two_way_bootstrap
from selfrefine.evidence.human_picks import matches
from selfrefine.evidence.two_way_bootstrap import Components
from tests.support.simulated_raters import crossed, gumbel_picks

VARIES = Components(people=0.06, images=0.15, answers=0.24)


@pytest.mark.parametrize("people", [7, 15])
def test_a_study_of_that_size_shows_the_difference_as_often_as_asked(people, monkeypatch):
    """Of 300 simulated ones, by the interval that the analysis has; and with half the images it does not."""
    monkeypatch.setattr(two_way_bootstrap, "DRAWS", 400)
    (need,) = power.images_and_people(0.1, VARIES, [people])
    draws = np.random.default_rng(0)

    def shown(images):
        """How often the interval lies above 0."""
        who, which = crossed(people, images)
        found = 0
        for number in range(300):
            parts = [sd * draws.normal(size=n) for sd, n in zip(VARIES, (people, images, len(who)), strict=True)]
            values = 0.1 + parts[0][who] + parts[1][which] + parts[2]
            found += two_way_bootstrap.interval(values, who, which, seed=number).low > 0.0
        return found / 300

    assert 0.73 <= shown(need.images) <= 0.87
    assert shown(need.images // 2) < 0.70


def test_more_people_need_fewer_images_and_too_few_never_have_enough():
    needs = power.images_and_people(0.1, VARIES, [7, 10, 16, 32])
    images = [need.images for need in needs]
    assert [need.people for need in needs] == [7, 10, 16, 32]
    assert all(more > fewer for more, fewer in itertools.pairwise(images))
    (few,) = power.images_and_people(0.1, VARIES._replace(people=0.3), [5])
    assert few.images is None
    assert power.images_and_people(0.05, VARIES, [16])[0].images > images[2]


def test_figures_without_any_variation_always_show_it():
    assert power.detects(0.1, Components(0.0, 0.0, 0.0), 4, 4) == 1.0


@pytest.mark.parametrize("side", [3, 4, 8])
def test_the_noise_of_a_blind_answer_is_that_of_drawing_three_cells(side):
    n_cells = side**2
    answers = gumbel_picks(np.random.default_rng(0), np.zeros((20_000, n_cells)))
    shares = matches(answers, np.arange(n_cells)[None].astype(float)).share
    assert power.answer_noise(n_cells, 3 / n_cells) == pytest.approx(shares.std(), rel=0.03)
