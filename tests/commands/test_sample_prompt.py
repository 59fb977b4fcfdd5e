"""A text-to-image pipeline folder and a prompt in, a PNG out."""

import numpy as np
import pytest
import torch

from selfrefine import networks
from selfrefine.core import pixels, random_streams
from selfrefine.diffusion import autoencoder, noise_schedule, prompts, sampling
from tests.support import tiny, tiny_prompt
from tests.support.command import picture, refused, words


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("sample") / "pipeline"
    networks.save(tiny_prompt.pipeline(), found)
    return found


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_every_image_is_made_from_the_prompt(folder, tmp_path, guidance):
    """Against the network called with embeddings of our own."""
    pipeline, encoder = tiny_prompt.pipeline(), tiny_prompt.encoder()
    given, empty = (encoder.embed([words] * 2) for words in ("a red bag", ""))
    made = sampling.sample_chunk(
        prompts.Prompted(pipeline.unet.eval(), given, guidance, empty),
        noise_schedule.of(pipeline),
        [random_streams.stream(0, "evaluation", image) for image in range(2)],
        sampler="ddim",
        steps=4,
        dtype=torch.float32,
        codec=autoencoder.of(pipeline),
    )
    options = {"prompt": "a red bag", "guidance": guidance, "images": 2}
    found = picture("sample", pipeline=folder, out=tmp_path / "made.png", **options)
    assert np.array_equal(found, np.concatenate(pixels.to_uint8(made), axis=1))


def test_another_prompt_or_guidance_is_another_image(folder, tmp_path):
    given = [{"prompt": "a red bag"}, {"prompt": "a blue shoe"}, {"prompt": ""}, {"prompt": "a red bag", "guidance": 9}]
    made = [
        picture("sample", pipeline=folder, out=tmp_path / f"{number}.png", **some) for number, some in enumerate(given)
    ]
    assert made[0].shape == (tiny.SIZE, tiny.SIZE, 3)
    for number, one in enumerate(made):
        for other in made[number + 1 :]:
            assert not np.array_equal(one, other)


def test_it_asks_for_a_prompt(folder, tmp_path, capsys):
    line = refused(words("sample", pipeline=folder, out=tmp_path / "made.png", steps=4), capsys)
    assert 'pipeline: makes images from a prompt; add --prompt "what they show"' in line
    assert not (tmp_path / "made.png").exists()


def test_inpainting_refuses_a_model_of_latents(folder, tmp_path, capsys):
    options = {"image": "image.png", "mask": "mask.png", "out": tmp_path / "made.png", "steps": 4}
    line = refused(words("inpaint", pipeline=folder, **options), capsys)
    assert line.endswith("pipeline: its model works on latents; one that works on pixels needed")
