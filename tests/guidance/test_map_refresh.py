"""The maps of a refresh: what the mFAM is the mean of, what it draws from, and what the others are made of."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from selfrefine.core import pixels, random_streams
from selfrefine.diffusion import noise_schedule, sampling
from selfrefine.guidance import canny, control_maps, map_refresh
from selfrefine.guidance.map_refresh import Guide, MapRecipe
from selfrefine.highlighter import gradcam
from selfrefine.metrics import contrasts
from selfrefine.report.tables.contrasts import AS_STRONG, control_kind
from tests.support import tiny_highlighter
from tests.support.tiny import tiny_images, tiny_pipeline

RECIPE = MapRecipe(map_images=3, map_steps=3)


def guide(seed=0, flip=False, other=None, **changes):
    """A guide of maps of 8 px from a highlighter of 32 px."""
    return Guide(
        replace(RECIPE, **changes),
        noise_schedule.of(tiny_pipeline()),
        tiny_highlighter.highlighter(32),
        tiny_images(),
        seed=seed,
        dtype=torch.float32,
        horizontal_flip=flip,
        other=other,
    )


def make(refresh=0, before=None, **changes):
    """The maps of a refresh."""
    some_map = torch.rand(8, 8, generator=torch.Generator().manual_seed(0))
    first = before if before is not None else some_map if refresh else None
    return guide(**changes)(tiny_pipeline().unet.eval(), refresh, first)


def samples(refresh=0):
    pipeline = tiny_pipeline()
    streams = [random_streams.stream(0, "map_noise", 3 * refresh + row) for row in range(3)]
    images = sampling.sample_chunk(
        pipeline.unet.eval(), noise_schedule.of(pipeline), streams, sampler="ddim", steps=3, dtype=torch.float32
    )
    return images, streams


def areas(found):
    """The mean map of 32 px by areas, 8 px."""
    return found.mean(dim=0).view(8, 4, 8, 4).mean(dim=(1, 3))


def test_the_mfam_is_the_mean_of_the_maps_of_its_own_samples_at_training_size():
    images, streams = samples(refresh=1)
    found = gradcam.flaw_activation_maps(tiny_highlighter.highlighter(32), images, streams)
    made = make(refresh=1)
    torch.testing.assert_close(made.mfam, areas(found), atol=1e-6, rtol=1e-5)
    assert torch.equal(made.used, made.mfam)


def test_is_a_map_in_the_unit_range_and_never_all_zero_here():
    some_map = make().mfam
    assert some_map.shape == (8, 8)
    assert some_map.dtype == torch.float32
    assert 0 <= float(some_map.min()) < float(some_map.max()) <= 1


def test_every_refresh_and_seed_has_its_own_noise_and_repeats_it():
    assert torch.equal(make(refresh=1).mfam, make(refresh=1).mfam)
    assert not torch.equal(make(refresh=0).mfam, make(refresh=1).mfam)
    assert not torch.equal(make(seed=0).mfam, make(seed=1).mfam)


@pytest.mark.parametrize("kind", ["mfam", "cells", "smooth_random", "real_map"])
def test_making_a_map_draws_nothing_from_the_training(kind):
    torch.manual_seed(3)
    expected = torch.rand(4)
    network, maker = tiny_pipeline().unet.eval(), guide(map=kind)
    torch.manual_seed(3)
    maker(network, 0)
    assert torch.equal(torch.rand(4), expected)


def test_a_long_map_is_made_in_chunks(monkeypatch):
    whole = make().mfam
    monkeypatch.setattr(map_refresh, "CHUNK", 2)
    torch.testing.assert_close(make().mfam, whole, atol=1e-5, rtol=1e-4)


KINDS = [kind for kind in control_maps.GuidanceMap.__args__ if kind != "label_shuffled"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_mfam_is_the_same_beside_every_map(kind):
    made, other = make(refresh=1, map=kind), make(refresh=1)
    assert torch.equal(made.mfam, other.mfam)
    assert (made.used.shape, made.used.dtype) == ((8, 8), torch.float32)
    assert torch.isfinite(made.used).all()
    if kind != "mfam":
        assert not torch.equal(made.used, made.mfam)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "uniform" and "centred" not in kind])
def test_a_matched_map_has_mean_and_standard_deviation_of_the_mfam(kind):
    made = make(refresh=1, map=kind, match=True)
    assert float(made.used.mean()) == pytest.approx(float(made.mfam.mean()), abs=1e-6)
    assert float(made.used.std(correction=0)) == pytest.approx(float(made.mfam.std(correction=0)), abs=1e-6)


@pytest.mark.parametrize("kind", contrasts.CONTROLS)
def test_controls_that_judge_place_have_the_strength_of_the_mfam(kind):
    """As the rows of params.yaml ask for them; a map of real images is weaker by itself."""
    leaves = {"map": kind, "match": kind not in AS_STRONG}
    assert control_kind(leaves) == kind
    made = make(refresh=1, **leaves)
    assert float(made.used.mean()) == pytest.approx(float(made.mfam.mean()), rel=1e-5)


def test_a_frozen_map_is_the_first_mfam():
    first = torch.rand(8, 8)
    assert torch.equal(make(refresh=2, before=first, map="frozen").used, first)
    made = make(map="frozen")
    assert torch.equal(made.used, made.mfam)


def test_the_edge_map_is_the_mean_of_the_edges_of_the_same_samples():
    grey = pixels.quantise(samples(refresh=1)[0]).double()
    luma = (0.299 * grey[:, 0] + 0.587 * grey[:, 1] + 0.114 * grey[:, 2]).round()
    expected = canny.canny(luma, low=100, high=200).float().mean(dim=0)
    assert expected.std() > 0
    torch.testing.assert_close(make(refresh=1, map="edge").used, expected)


def test_the_moment_gap_compares_the_same_samples_with_all_training_images():
    reals = pixels.to_float(tiny_images())
    images, _ = samples(refresh=1)
    expected = control_maps.moment_gap(images, reals.mean(dim=0), reals.std(dim=0, correction=0), 2)
    torch.testing.assert_close(make(refresh=1, map="moment_gap").used, expected, atol=1e-5, rtol=1e-4)
    mirrored = torch.cat([reals, reals.flip(-1)])
    expected = control_maps.moment_gap(images, mirrored.mean(dim=0), mirrored.std(dim=0, correction=0), 2)
    torch.testing.assert_close(make(refresh=1, map="moment_gap", flip=True).used, expected, atol=1e-5, rtol=1e-4)


def test_moments_do_not_depend_on_how_many_images_are_read_together(monkeypatch):
    whole = make(map="moment_gap").used
    monkeypatch.setattr(pixels, "MOMENTS_CHUNK", 5 * 192)  # five images
    torch.testing.assert_close(make(map="moment_gap").used, whole)


def test_the_real_map_explains_training_images_by_the_same_highlighter(monkeypatch):
    seen = []

    def spy(model, images, streams, cam):
        seen.append(images.clone())
        return gradcam.flaw_activation_maps(model, images, streams, cam)

    monkeypatch.setattr(map_refresh, "flaw_activation_maps", spy)
    made = [make(refresh=k, map="real_map").used for k in (0, 1, 1)]
    reals = {image.numpy().tobytes() for image in pixels.to_float(tiny_images())}
    assert all(image.numpy().tobytes() in reals for chunk in seen[1::2] for image in chunk)
    assert torch.equal(made[1], made[2])
    assert not torch.equal(made[0], made[1])
    seen.clear()
    for k in range(6):
        make(refresh=k, map="real_map", flip=True)
    plain = [image.numpy().tobytes() in reals for chunk in seen[1::2] for image in chunk]
    assert 0 < np.mean(plain) < 1  # some are mirrored


def test_the_label_shuffled_map_is_the_other_highlighters_of_the_same_samples():
    other = tiny_highlighter.highlighter(32, shortcut_guard=False)  # without guard: no dither
    with torch.no_grad():
        for parameter in other.head.parameters():
            parameter.neg_()
    made = make(refresh=1, map="label_shuffled", other=other)
    torch.testing.assert_close(made.used, areas(gradcam.flaw_activation_maps(other, samples(1)[0], [])))
    assert torch.equal(made.mfam, make(refresh=1).mfam)


@pytest.mark.parametrize("cam", [gradcam.Cam(target="sigmoid"), gradcam.Cam("softmax", "before_relu", "authors")])
def test_the_switches_of_grad_cam_reach_the_map(cam):
    assert not torch.equal(make(cam=cam).mfam, make().mfam)


def test_a_network_without_colour_is_compared_with_grey_training_images():
    network = tiny_pipeline(channels=1).unet.eval()
    made = guide(map="moment_gap")(network, 0)
    assert made.used.shape == (8, 8)
    assert not math.isnan(float(made.used.sum()))
