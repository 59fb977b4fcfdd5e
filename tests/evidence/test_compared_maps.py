"""Which images are mapped, and that the maps are those of the guidance."""

import numpy as np
import pytest
import torch

from selfrefine.core import pixels, random_streams
from selfrefine.core.errors import InputError
from selfrefine.evidence import compared_maps
from selfrefine.evidence.compared_maps import FAKES, REALS
from selfrefine.evidence.map_correlation import MeanMap
from selfrefine.guidance import control_maps
from selfrefine.highlighter import gradcam
from tests.support import tiny_highlighter

SIZE, CPU = 8, torch.device("cpu")
IMAGES = tiny_highlighter.images(6, SIZE, striped=True)


def numbered(n):
    """Images that tell their row."""
    return np.broadcast_to(np.arange(n, dtype=np.uint8)[:, None, None, None], (n, SIZE, SIZE, 3))


def mapped(model, images=IMAGES, source=FAKES, seed=0):
    return compared_maps.single_maps(model, images, source, seed=seed, dtype=torch.float32, label="test")


def test_only_the_last_images_are_used_and_they_must_be_others_than_the_highlighters():
    kept = compared_maps.unseen_fakes(numbered(20), 5, 15)
    assert kept[:, 0, 0, 0].tolist() == [15, 16, 17, 18, 19]
    with pytest.raises(InputError, match=r"generate_fakes\.n_images is 20; .* at least 21 needed") as error:
        compared_maps.unseen_fakes(numbered(20), 6, 15)
    assert "\n" not in str(error.value)


def test_real_images_are_drawn_once_each_and_the_same_ones_per_seed():
    drawn = [compared_maps.some_reals(numbered(60), 20, seed)[:, 0, 0, 0].tolist() for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(set(drawn[0])) == 20
    assert compared_maps.some_reals(numbered(6), 20, 0)[:, 0, 0, 0].tolist() == list(range(6))


@pytest.mark.parametrize(("source", "first"), [(FAKES, 1), (REALS, 2)])
def test_single_maps_are_grad_cams_and_their_mean_the_mfam(source, first, monkeypatch):
    monkeypatch.setattr(compared_maps, "CHUNK", 4)  # a full and a part of one
    model = tiny_highlighter.highlighter()
    found = mapped(model, source=source)
    streams = [random_streams.stream(0, "map_evidence", first + 2 * row) for row in range(len(IMAGES))]
    cams = gradcam.flaw_activation_maps(model, pixels.to_float(IMAGES), streams)
    assert found.source == source
    assert found.single.dtype == np.float32
    assert found.value == pytest.approx(gradcam.mean_map(cams, SIZE).flatten().numpy(), abs=1e-5)
    assert found.value.std() > 0.01


def test_the_map_has_the_place_that_the_highlighter_looks_at():
    images = np.full((3, 32, 32, 3), 128, np.uint8)
    images[:, :16, 16:] = 250  # the critic of brightness finds the top right quarter
    model = tiny_highlighter.brightness_highlighter(64, sign=1.0)
    found = mapped(model, images).value.reshape(32, 32)
    assert found[:16, 16:].mean() > 4.0 * found[16:, :16].mean()
    other = mapped(tiny_highlighter.brightness_highlighter(64, sign=-1.0), images)
    assert (other.single == 0.0).all()


def test_all_highlighters_see_one_dither():
    model = tiny_highlighter.highlighter()
    assert np.array_equal(mapped(model).single, mapped(model).single)
    assert not np.array_equal(mapped(model).single, mapped(model, seed=1).single)
    assert not np.array_equal(mapped(model).single, mapped(model, source=REALS).single)


def test_maps_without_a_highlighter_are_those_of_the_guidance():
    reals = tiny_highlighter.images(50, SIZE, striped=False)
    moments = pixels.moments(reals, horizontal_flip=False)
    found = compared_maps.without_highlighter(IMAGES, moments, 32)
    shown = pixels.to_float(IMAGES)
    expected = {
        "moment_gap": control_maps.moment_gap(shown, *moments, 2),
        "edge": control_maps.edge(pixels.quantise(shown)),
        "gaussian_center": control_maps.gaussian_center(SIZE),
    }
    for name, some_map in expected.items():
        assert found[name].value == pytest.approx(some_map.flatten().numpy(), abs=1e-5), name
    assert {name: part.source for name, part in found.items()} == {
        "moment_gap": FAKES,
        "edge": FAKES,
        "gaussian_center": "",
    }


def test_order_and_arrays():
    singles = np.random.default_rng(0).random((5, SIZE**2), np.float32)
    cams = {"second": MeanMap(singles, FAKES), "real_map": MeanMap(singles[:3], REALS), "flaw": MeanMap(singles, FAKES)}
    evidence = compared_maps.in_order(cams, {"edge": MeanMap(singles, FAKES)})
    assert list(evidence) == ["flaw", "real_map", "second", "edge"]
    arrays = compared_maps.arrays(evidence, IMAGES[:5], 2)
    assert sorted(arrays) == sorted(
        ["images", *(f"mean/{name}" for name in evidence), *(f"single/{name}" for name in ("flaw", "second", "edge"))]
    )
    assert arrays["images"].shape == (2, SIZE, SIZE, 3)
    assert arrays["single/flaw"].shape == (2, SIZE, SIZE)
    assert arrays["mean/flaw"] == pytest.approx(singles.mean(axis=0).reshape(SIZE, SIZE))


@pytest.mark.parametrize(("names", "count"), [(("second",), 1), ((), 0), (("flaw", "second"), 1)])
def test_the_flaw_maps_highlighter_is_needed(names, count):
    with pytest.raises(InputError, match="the row flaw, which must be among them") as error:
        compared_maps.check(names, count)
    assert "\n" not in str(error.value)
