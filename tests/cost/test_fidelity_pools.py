"""The pools of the study: images of their own, explained as the maps of a refresh are, and kept over a kill."""

import numpy as np
import pytest
import torch

from selfrefine import networks
from selfrefine.core import pixels, random_streams
from selfrefine.core.errors import InputError
from selfrefine.cost.fidelity_pools import Run, pool_sizes, study
from selfrefine.cost.refresh_fidelity import Size
from selfrefine.diffusion import noise_schedule, sampling
from selfrefine.guidance.map_refresh import CHUNK
from selfrefine.highlighter import gradcam
from tests.support import tiny, tiny_highlighter, tiny_prompt

CPU, DTYPE = torch.device("cpu"), torch.float32
REFERENCE, CANDIDATES, POOL = Size(6, 4), [Size(2, 4), Size(2, 2), Size(3, 2)], 8
SIZES = pool_sizes(REFERENCE, CANDIDATES, POOL)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """An untrained base model and two highlighters."""
    folder = tmp_path_factory.mktemp("models")
    networks.save(tiny.tiny_pipeline(), folder / "pipeline")
    paths = {name: folder / name / "highlighter.safetensors" for name in ("flaw", "other")}
    tiny.write_highlighter(paths["flaw"])
    tiny_highlighter.brightness_highlighter(32, sign=1.0).save(paths["other"])
    return Run({"dataset": "shapes", "model": "tiny", "seed": "3"}, folder / "pipeline", paths)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("scratch")


@pytest.fixture(scope="module")
def models(run, scratch):
    return study(run, SIZES, scratch, CPU, DTYPE)


def test_one_pool_serves_all_sizes_of_its_steps_and_none_is_the_references():
    assert {0: REFERENCE, 2: Size(POOL, 2), 4: Size(POOL, 4)} == SIZES


def test_each_highlighter_gives_a_model_with_all_pools_at_the_training_size(models):
    assert [model.names["highlighter"] for model in models] == ["flaw", "other"]
    for model in models:
        assert model.names | {"highlighter": ""} == {
            "dataset": "shapes",
            "model": "tiny",
            "seed": "3",
            "highlighter": "",
        }
        assert model.reference.shape == (6, 64)
        assert {steps: single.shape for steps, single in model.pools.items()} == {2: (8, 64), 4: (8, 64)}


def test_images_are_those_of_a_refresh_of_these_steps_with_the_pools_noise(run, models):
    """Sampled as a refresh samples, explained as it explains: the mean of the single maps is its mean map."""
    pipeline = tiny.tiny_pipeline()
    noise, dither = (random_streams.stream_seed(3, "fidelity", 2 * 2 + which) for which in (0, 1))
    streams = [random_streams.stream(noise, "fidelity", row) for row in range(POOL)]
    images = sampling.sample_chunk(
        pipeline.unet.eval(), noise_schedule.of(pipeline), streams, sampler="ddim", steps=2, dtype=DTYPE
    )
    dithers = [random_streams.stream(dither, "map_evidence", 1 + 2 * row) for row in range(POOL)]
    cams = gradcam.flaw_activation_maps(tiny_highlighter.highlighter(32), images, dithers)
    torch.testing.assert_close(
        torch.from_numpy(models[0].pools[2].mean(axis=0)).view(8, 8), gradcam.mean_map(cams, 8), atol=1e-5, rtol=1e-4
    )
    assert len(np.unique(pixels.to_uint8(images).reshape(POOL, -1), axis=0)) == POOL


def test_reference_and_candidates_of_equal_steps_are_other_images(models):
    first = models[0]
    assert not np.allclose(first.reference, first.pools[4][:6], atol=1e-3)


def test_images_that_a_killed_study_has_sampled_are_not_sampled_again(run, scratch, models, monkeypatch):
    evaluations = []
    load = networks.load

    def counting(*given):
        pipeline = load(*given)
        pipeline.unet.register_forward_pre_hook(lambda _module, inputs: evaluations.append(len(inputs[0])))
        return pipeline

    monkeypatch.setattr(networks, "load", counting)
    again = study(run, SIZES, scratch, CPU, DTYPE)
    assert evaluations == []
    for one, other in zip(models, again, strict=True):
        assert all(np.array_equal(one.pools[steps], other.pools[steps]) for steps in (2, 4))
    for path in (scratch / "pool2").iterdir():
        path.unlink()
    study(run, SIZES, scratch, CPU, DTYPE)
    assert evaluations == [CHUNK] * 2, "two steps of one pool, in whole chunks"


def test_more_steps_than_timesteps_are_refused_before_anything_is_sampled(run, tmp_path):
    with pytest.raises(InputError, match=f"{tiny.TIMESTEPS + 1} steps asked for, but the model has {tiny.TIMESTEPS} "):
        study(run, {0: Size(2, tiny.TIMESTEPS + 1)}, tmp_path, CPU, DTYPE)
    assert list(tmp_path.iterdir()) == []


def test_images_of_text_to_image_are_of_captions(run, tmp_path):
    networks.save(tiny_prompt.pipeline(), tmp_path / "pipeline")
    made = {}
    for name, rows in (("first", None), ("same", None), ("other", [3])):
        (tmp_path / name).mkdir()
        captions = tiny_prompt.write_captions(tmp_path / name, rows=rows)
        prompted = run._replace(pipeline=tmp_path / "pipeline", captions=captions)
        made[name] = study(prompted, {2: Size(POOL, 2), 0: Size(4, 2)}, tmp_path / name / "pools", CPU, DTYPE)[0]
    first, same, other = (made[name].pools[2] for name in made)
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)
    with pytest.raises(InputError, match="captions: none given, captions needed"):
        study(prompted._replace(captions=()), {0: REFERENCE}, tmp_path / "none", CPU, DTYPE)
