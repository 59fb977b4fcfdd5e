"""The figures of the study of cheap maps, on maps of known mean and noise, against closed forms."""

import math

import numpy as np
import pytest

from selfrefine.core.errors import InputError
from selfrefine.cost import refresh_fidelity
from selfrefine.cost.refresh_fidelity import Repeated, Size
from tests.support.tiny_fidelity import CANDIDATES, FEW, MANY, MEAN, PIXELS, REFERENCE, SPREAD, model, single, truth


def measured(models, size, metric, seed="0"):
    """One figure of one model."""
    found = refresh_fidelity.lines(models, REFERENCE, CANDIDATES)
    (line,) = [
        line
        for line in found
        if (line["seed"], line["metric"], line["role"]) == (seed, metric, refresh_fidelity.CANDIDATE)
        and (line["images"], line["steps"]) == (size.images, size.steps)
    ]
    return Repeated(line["value"], line["spread"], line["repeats"])


# -- sizes -------------------------------------------------------------------------------------------------------------


def test_a_size_is_read_counted_and_told():
    size = Size.parse("64x10")
    assert size == Size(steps=10, images=64)
    assert (str(size), size.evaluations) == ("64 x 10", 640)
    assert Size.parse("16x250").cost(cycle=100, batch_size=16) == pytest.approx(0.8333, abs=1e-4)  # method 3.1
    assert 1 + size.cost(cycle=100, batch_size=64) <= 1.05  # design, section 8


@pytest.mark.parametrize("text", ["64", "64x", "x10", "64x10x2", "0x10", "64x1", "-8x10", "64 x 10", "²x10"])
def test_other_texts_are_no_sizes(text):
    with pytest.raises(InputError, match="is no size of a refresh; IMAGESxSTEPS needed"):
        Size.parse(text)


@pytest.mark.parametrize(
    ("reference", "candidates", "pool", "told"),
    [
        (Size(2, 2), [], 8, "no candidates given"),
        (Size(2, 1), [Size(2, 2)], 8, "the reference is 1 x 2; 2 images or more needed"),
        (
            Size(2, 2),
            [Size(2, 2), Size(2, 5)],
            9,
            "a pool of 9 images gives fewer than 2 disjoint maps of 5 images; 10 ",
        ),
    ],
)
def test_sizes_that_tell_no_spread_are_refused(reference, candidates, pool, told):
    with pytest.raises(InputError, match=told):
        refresh_fidelity.check(reference, candidates, pool)


# -- closed forms ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("images", [1, 4, 16])
@pytest.mark.parametrize("noise", [0.5, 2.0])
def test_r_of_a_mean_of_n_maps_is_the_root_of_its_reliability(images, noise):
    """Spearman-Brown: reliability of one map rho = 1 / (1 + noise^2), of a mean of n n rho / (1 + (n - 1) rho)."""
    true, one = truth(), 1.0 / (1.0 + noise**2)
    reliability = images * one / (1.0 + (images - 1.0) * one)
    found = refresh_fidelity.agreement(
        refresh_fidelity.group_means(single(true, noise, 400 * images, 1), images), true, None
    )
    assert found["r"].mean() == pytest.approx(math.sqrt(reliability), abs=0.005)
    assert refresh_fidelity.stepped_up(one, images) == pytest.approx(reliability)
    assert found["slope"].mean() == pytest.approx(1.0, abs=0.01)
    assert found["mean_ratio"].mean() == pytest.approx(1.0, abs=0.002)
    assert found["std_ratio"].mean() == pytest.approx(1.0 / math.sqrt(reliability), abs=0.01)
    assert found["error"].mean() == pytest.approx(noise / math.sqrt(images), rel=0.02)
    odds = noise**2 / images  # the delta method, of a map that is fixed: relative variances of slope and of noise
    spread = math.sqrt(odds**2 * (odds + 0.5) * reliability**3 / PIXELS)
    assert found["r"].std() == pytest.approx(spread, rel=0.15)


def test_a_weaker_pattern_and_another_mean_show_in_slope_and_ratio_alone():
    true = truth()
    weak = (MEAN + 0.1 + 0.5 * (true - MEAN))[None]
    found = {metric: float(values[0]) for metric, values in refresh_fidelity.agreement(weak, true, None).items()}
    expected = {"r": 1.0, "slope": 0.5, "mean_ratio": 1.25, "std_ratio": 0.5}
    expected["error"] = math.sqrt(0.1**2 + (0.5 * SPREAD) ** 2) / SPREAD
    assert {metric: found[metric] for metric in expected} == pytest.approx(expected)


def test_a_map_of_another_model_is_like_this_one_only_in_what_all_share():
    common, own, other = truth(7), truth(8), truth(9)
    reference, stranger = common + 0.2 * own, common + 0.2 * other
    found = refresh_fidelity.agreement(np.stack([reference, stranger]), reference, common)
    assert found["r"][1] > 0.9
    assert found["r_particular"][0] == pytest.approx(1.0)
    assert abs(found["r_particular"][1]) < 0.2


def test_a_constant_map_has_no_correlation_and_an_empty_reference_no_ratio():
    flat, true = np.full(PIXELS, 0.3), truth()
    found = refresh_fidelity.agreement(np.stack([flat, true]), true, None)
    assert np.isnan(found["r"]).tolist() == [True, False]
    assert found["std_ratio"][0] == pytest.approx(0.0)
    nothing = refresh_fidelity.agreement(true[None], np.zeros(PIXELS), None)
    assert all(np.isnan(values).all() for values in nothing.values())


def test_the_ceiling_is_the_r_of_the_reference_with_the_truth():
    true = truth()
    maps = single(true, 4.0, 64, 5)
    actual = np.corrcoef(maps.mean(axis=0), true)[0, 1]
    assert refresh_fidelity.ceiling(maps).value == pytest.approx(actual, abs=0.02)
    assert actual < 0.92
    assert math.isnan(refresh_fidelity.ceiling(np.full((4, PIXELS), 0.5, np.float32)).value)


# -- the study ---------------------------------------------------------------------------------------------------------


def test_groups_are_disjoint_and_the_rest_is_left_out():
    maps = np.arange(7.0, dtype=np.float32)[:, None] * np.ones(3, np.float32)
    assert refresh_fidelity.group_means(maps, 2).tolist() == [[0.5] * 3, [2.5] * 3, [4.5] * 3]


def test_the_same_map_of_few_images_is_told_from_another_map():
    """r falls with the noise of few images, endless r only with what the steps do."""
    same, other = model(), model(true=truth(), slope=1.0)._replace(pools=model(number=1).pools)
    assert measured([same], FEW, "r").value == pytest.approx(math.sqrt(0.5), abs=0.01)
    assert measured([same], FEW, refresh_fidelity.ENDLESS).value == pytest.approx(1.0, abs=0.005)
    assert abs(measured([other], FEW, refresh_fidelity.ENDLESS).value) < 0.2


def test_weakness_and_shift_of_few_steps_are_found_through_the_noise():
    found = model(slope=0.5, shift=0.1)
    assert measured([found], FEW, "slope").value == pytest.approx(0.5, abs=0.02)
    assert measured([found], FEW, "mean_ratio").value == pytest.approx(1.25, abs=0.01)
    assert measured([found], MANY, "slope").value == pytest.approx(1.0, abs=0.02)
    assert measured([found], MANY, "mean_ratio").value == pytest.approx(1.0, abs=0.01)


def test_spread_is_that_of_one_refresh():
    """The mean of n maps of P pixels has the standard deviation noise / sqrt(n P)."""
    found = measured([model(count=4000)], FEW, "mean_ratio")
    assert found.repeats == 1000
    assert found.spread == pytest.approx(2.0 * SPREAD / math.sqrt(4 * PIXELS) / MEAN, rel=0.1)


def test_with_several_models_the_mean_map_of_the_others_is_taken_off():
    shared = truth(50)
    models = [model(number, true=shared + 0.2 * (truth(number) - MEAN), noise=0.1) for number in range(3)]
    strange = models[0]._replace(pools=models[1].pools)
    apart = [measured([strange, *models[1:]], FEW, metric).value for metric in ("r", "r_particular")]
    own = [measured(models, FEW, metric).value for metric in ("r", "r_particular")]
    assert own[0] > 0.98
    assert own[1] > 0.95
    assert apart[0] > 0.9
    assert abs(apart[1]) < 0.2
    assert math.isnan(measured(models[:1], FEW, "r_particular").value)


def test_lines_are_complete_and_maps_of_several_sizes_refused():
    found = refresh_fidelity.lines([model(), model(1)], REFERENCE, CANDIDATES)
    assert len(found) == 2 * (1 + 2 * (len(refresh_fidelity.METRICS) + 1))
    assert {line["evaluations"] for line in found} == {1_000_000, 1000, 40}
    small = model(1)._replace(reference=np.zeros((4, 9), np.float32))
    with pytest.raises(InputError, match="maps of several sizes have no mean map \\(shapes 400 px, shapes 9 px in all"):
        refresh_fidelity.lines([model(), small], REFERENCE, CANDIDATES)
