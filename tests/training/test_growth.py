"""What grows with the number of images, counted instead of timed: training not at all, measuring in proportion."""

import numpy as np
import pytest
import torch

from selfrefine.core import arrays, names, pixels
from selfrefine.diffusion import noise_schedule, sampling
from selfrefine.evidence import compared_maps, map_correlation
from selfrefine.evidence.jackknife_maps import MeanMap
from selfrefine.guidance.map_refresh import Guide, MapRecipe
from selfrefine.highlighter import gradcam
from selfrefine.highlighter.data import RealsAndFakes
from selfrefine.metrics import features
from selfrefine.stages import evaluate_highlighter
from tests.support import tiny_highlighter
from tests.support.counted import MOST, Counted
from tests.support.tiny import tiny_images, tiny_pipeline, tiny_trainer

FEW, MANY = 50, 10**9  # images; a terabyte of pixels and more


def test_the_counter_counts_and_knows_a_copy_of_the_whole():
    images = Counted(MANY)
    assert np.asarray(images[10:14]).shape == (4, 8, 8, 3)
    assert images[[3, 5]].shape == (2, 8, 8, 3)
    assert images.rows == 6
    with pytest.raises(AssertionError, match="1000000000 images were copied together"):
        np.asarray(images)
    with pytest.raises(AssertionError, match=f"{MOST + 1} images were copied"):
        np.array(images[: MOST + 1])


# -- training: as much as the batch needs ------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [FEW, MANY])
def test_a_step_of_training_reads_its_batch_alone(n):
    images = Counted(n)
    trainer = tiny_trainer(images, batch_size=4)
    assert images.rows == 0
    for _ in range(3):
        trainer.update()
    assert images.reads == [4, 4, 4]


@pytest.mark.parametrize("n", [FEW, 10**6])
def test_the_highlighter_reads_its_batch_and_its_parts_alone(n):
    images = Counted(n)
    data = RealsAndFakes(images, tiny_images(40), 0)
    assert images.rows == 0
    data.batch(0, 5)
    assert images.reads == [5]
    for part in ("train", "validation", "test"):
        data.part(part)
    assert images.reads[1:] == [32, 4, 4]


def guide(images, kind):
    pipeline = tiny_pipeline()
    maker = Guide(
        MapRecipe(map_images=3, map_steps=2, map=kind),
        noise_schedule.of(pipeline),
        tiny_highlighter.highlighter(32),
        images,
        seed=0,
        dtype=torch.float32,
        horizontal_flip=True,
    )
    return lambda: maker(pipeline.unet.eval(), 0)


@pytest.mark.parametrize(("kind", "rows"), [("mfam", 0), ("real_map", 3)])
@pytest.mark.parametrize("n", [FEW, MANY])
def test_a_refresh_reads_as_many_real_images_as_it_explains(n, kind, rows):
    images = Counted(n)
    guide(images, kind)()
    assert images.rows == rows


def test_moments_read_each_image_once_and_all_refreshes_share_them():
    images = Counted(3 * MOST)
    refresh = guide(images, "moment_gap")
    refresh()
    refresh()
    assert images.rows == 3 * MOST
    assert max(images.reads) * 192 <= pixels.MOMENTS_CHUNK


def test_moments_of_larger_images_read_fewer_together():
    images = Counted(40, size=256)
    pixels.moments(images, horizontal_flip=False)
    assert images.rows == 40
    assert max(images.reads) * 3 * 256**2 <= pixels.MOMENTS_CHUNK


# -- measuring: in proportion to what is measured ----------------------------------------------------------------------


@pytest.mark.parametrize("n", [FEW, 10**6])
def test_maps_are_compared_on_as_many_real_images_as_asked_for(n):
    images = Counted(n)
    assert compared_maps.some_reals(images, 20, 0).shape == (20, 8, 8, 3)
    assert images.rows == 20


def rows_through(module):
    """Counts the rows that a module sees."""
    seen = []
    module.register_forward_pre_hook(lambda _module, given: seen.append(len(given[0])))
    return seen


@pytest.mark.parametrize("n", [6, 12])
def test_features_cost_one_pass_per_image_of_the_first_ones(n, tmp_path):
    images = Counted(MANY)
    weights = {f"features.{k}": v for k, v in features.AlexNetExtractor.build().state_dict().items()}
    arrays.write_tensors(tmp_path / "weights.safetensors", weights)
    model = features.extractor("alexnet_conv5_gap", {"alexnet": tmp_path / "weights.safetensors"})
    seen = rows_through(model.network)
    features.extract(model, images[:n], batch_size=4, device=torch.device("cpu"), label="test")
    assert sum(seen) == images.rows == n


@pytest.mark.parametrize("n", [6, 12])
def test_a_map_costs_one_pass_per_image(n):
    model = tiny_highlighter.highlighter(32)
    seen = rows_through(model.features[0])
    images = Counted(n)
    gradcam.explain(model, images, tiny_highlighter.streams(n), torch.float32, chunk_size=4)
    assert sum(seen) == images.rows == n


def test_measuring_a_highlighter_holds_a_few_images_however_many_there_are():
    real, fake = Counted(500), Counted(500)
    data = RealsAndFakes(real, fake, 0)
    model = tiny_highlighter.highlighter(32)
    evaluate_highlighter.scores(model, data, torch.float32, 0)
    evaluate_highlighter.shortcut(model, data, 0)
    list(evaluate_highlighter.places({names.FLAW: model}, data, torch.float32))
    assert real.rows == 50 + 2 * (400 + 50)  # the test part; train and test part, as stored and as seen
    assert max(real.reads + fake.reads) <= evaluate_highlighter.CHUNK


@pytest.mark.parametrize("n", [8, 16])
def test_an_image_costs_as_many_evaluations_as_steps(n, tmp_path):
    pipeline = tiny_pipeline()
    seen = rows_through(pipeline.unet)
    sampling.sample_images(
        pipeline.unet,
        noise_schedule.of(pipeline),
        tmp_path,
        label="test",
        seed=0,
        purpose="evaluation",
        n_images=n,
        chunk_size=4,
        sampler="ddim",
        steps=3,
        dtype=torch.float32,
    )
    assert sum(seen) == 3 * n


@pytest.mark.parametrize("n", [300, 600])
def test_a_jackknife_looks_at_as_many_maps_as_there_are_images(n):
    seen = []

    def mean(some_map):
        seen.append(some_map.reshape(-1, some_map.shape[-1]).shape[0])
        return some_map.mean(axis=-1)

    map_correlation.jackknife(mean, MeanMap(np.random.default_rng(0).random((n, 9), np.float32), "fake"))
    assert sum(seen) == n + 1
