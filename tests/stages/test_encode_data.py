import dataclasses

import numpy as np
import pytest
import torch

from selfrefine.core import arrays, kept, pixels
from selfrefine.core.errors import InputError
from selfrefine.diffusion import autoencoder
from selfrefine.diffusion.autoencoder import LatentCodec
from selfrefine.stages import encode_data
from tests.support import tiny, tiny_latent
from tests.support.tiny import bytes_below


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Images, an autoencoder with a scaling factor, and what the stage makes of both."""
    folder = tmp_path_factory.mktemp("encoded")
    tiny.write_images(folder / "images.npy", 13)
    autoencoder.save(tiny_latent.autoencoder(scale=2.0), folder / "autoencoder")
    encode_data.run(job(folder, folder))
    return folder


def job(made, out, **changes):
    return tiny_latent.encode_job(made / "images.npy", made / "autoencoder", out, **changes)


def test_latents_are_those_of_the_images_in_their_order(made):
    latents = arrays.read_array(made / "latents.npy")
    stage = LatentCodec(tiny_latent.autoencoder(scale=2.0))
    expected = stage.encode(pixels.to_float(arrays.read_images(made / "images.npy")))
    assert (latents.shape, latents.dtype) == ((13, 3, 4, 4), np.float16)
    assert isinstance(latents, np.memmap)
    assert torch.allclose(torch.from_numpy(latents.astype(np.float32)), expected, atol=1e-5, rtol=1e-3)


def test_the_same_job_gives_the_same_bytes_after_a_break_too(made, tmp_path, monkeypatch):
    written = []

    def dies(folder, name, fill, write=kept.write):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(name)
        return write(folder, name, fill)

    with monkeypatch.context() as patch:
        patch.setattr(kept, "write", dies)
        with pytest.raises(KeyboardInterrupt):
            encode_data.run(job(made, tmp_path))
    assert written == ["chunk00000000.npy", "chunk00000005.npy"]
    encode_data.run(job(made, tmp_path))
    assert bytes_below(tmp_path) == {"latents.npy": (made / "latents.npy").read_bytes()}


def test_another_chunk_changes_last_bits_at_most(made, tmp_path):
    encode_data.run(job(made, tmp_path, chunk_size=13))
    one, other = (np.load(folder / "latents.npy").astype(np.float32) for folder in (made, tmp_path))
    assert np.allclose(one, other, atol=1e-4, rtol=2e-3)


def test_a_changed_autoencoder_is_refused(made, tmp_path):
    autoencoder.save(tiny_latent.autoencoder(), tmp_path / "autoencoder")
    with open(tmp_path / "autoencoder" / "config.json", "a") as stream:
        stream.write("\n")
    changed = job(made, tmp_path / "out")
    inputs = dataclasses.replace(changed.inputs, autoencoder=tmp_path / "autoencoder")
    with pytest.raises(InputError, match=r"config.json: changed since it was made"):
        encode_data.run(dataclasses.replace(changed, inputs=inputs))
