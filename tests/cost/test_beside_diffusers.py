"""What ours is measured against trains the same network on the same pixels and samples as many images."""

import time

import numpy as np
import pytest
import torch

from selfrefine.core import pixels
from selfrefine.cost import beside_diffusers
from selfrefine.cost.beside_diffusers import LOOP, STOCK, diffusers_loop, loader
from tests.support.tiny import tiny_images
from tests.support.tiny_subject import SIZES, tiny_subject


@pytest.mark.parametrize("channels", [1, 3])
def test_batches_are_the_pixels_that_ours_sees_each_once_in_another_order(channels):
    images = tiny_images() if channels == 3 else tiny_images()[..., :1].repeat(3, axis=-1)
    seen = torch.cat(list(loader(images, channels, flip=False, batch_size=8)))
    ours = pixels.to_float(images, channels)
    order = [int((ours - one).abs().amax(dim=(1, 2, 3)).argmin()) for one in seen]
    assert order != list(range(32))
    torch.testing.assert_close(seen.sum(dim=0), ours.sum(dim=0), atol=1e-4, rtol=0)
    torch.testing.assert_close(seen, ours[order], atol=1e-6, rtol=0)


def test_mirrors_where_ours_does():
    image = np.zeros((20, 8, 8, 3), np.uint8)
    image[:, :, :4] = 255
    torch.manual_seed(0)
    (batch,) = loader(image, 1, flip=True, batch_size=20)
    assert set(batch[:, 0, 0, 0].tolist()) == {-1.0, 1.0}


def test_the_loop_learns():
    torch.manual_seed(0)
    update = diffusers_loop(tiny_subject(batch_size=16, learning_rate=0.01, warmup_steps=1, base_steps=1000))
    losses = [update() for _ in range(30)]
    assert np.mean(losses[-5:]) < 0.9 * np.mean(losses[:5])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("measure", [beside_diffusers.training, beside_diffusers.sampled])
def test_measures_theirs_and_ours_in_both_precisions(measure, dtype):
    said = []
    lines = measure(tiny_subject(dtype), SIZES, time.perf_counter, said.append)
    theirs = LOOP if measure is beside_diffusers.training else STOCK
    ours = ["ours, float32"] if dtype == torch.float32 else ["ours, float32", "ours, bfloat16"]
    assert [line["case"] for line in lines] == [theirs, *ours]
    assert lines[0]["ratio"] == 1.0
    assert all(0.0 < line["images_per_second_low"] <= line["images_per_second"] for line in lines)
    assert len(said) == SIZES.rounds


def test_both_samplers_evaluate_the_network_as_often_on_as_many_images(monkeypatch):
    subject = tiny_subject()
    pipeline, seen = subject.pipeline(), []
    pipeline.unet.register_forward_pre_hook(lambda _module, inputs: seen.append(len(inputs[0])))
    monkeypatch.setattr(type(subject), "pipeline", lambda _subject: pipeline)
    beside_diffusers.sampled(subject, SIZES, time.perf_counter, lambda _line: None)
    images, steps = SIZES.sampled
    assert seen == [images] * (2 * (1 + SIZES.rounds) * steps)
