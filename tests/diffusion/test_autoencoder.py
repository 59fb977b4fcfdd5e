"""The autoencoder: scaling, clamping, what it is built and loaded from, latents of many images."""

import json

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, VQModel

from selfrefine.core import pixels
from selfrefine.core.errors import InputError
from selfrefine.diffusion import autoencoder as diffusion_autoencoder
from selfrefine.diffusion.autoencoder import LatentCodec
from tests.support import tiny_latent
from tests.support.tiny import SIZE, tiny_images
from tests.support.tiny_latent import AUTOENCODER, autoencoder

CPU = torch.device("cpu")
KINDS = ["vq", "kl"]


def images(n=6):
    return pixels.to_float(tiny_images(n))


@pytest.mark.parametrize("kind", KINDS)
def test_latents_are_those_of_diffusers_times_the_factor_of_the_config(kind):
    model = autoencoder(kind, scale=2.5)
    with torch.no_grad():
        encoded = model.encode(images())
        own = encoded.latents if kind == "vq" else encoded.latent_dist.mean
        decoded = model.decode(own).sample.clamp(-1, 1)
    stage = LatentCodec(model)
    latents = stage.encode(images())
    assert latents.shape == (6, 3, SIZE // 2, SIZE // 2)
    assert torch.equal(latents, 2.5 * own)
    assert torch.allclose(stage.decode(latents), decoded, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_decoded_images_lie_within_their_range_whatever_the_latents(kind):
    model = autoencoder(kind)
    with torch.no_grad():
        model.decoder.conv_out.weight *= 1000
    decoded = LatentCodec(model).decode(100 * torch.randn(8, 3, 4, 4, generator=torch.Generator().manual_seed(0)))
    assert (float(decoded.min()), float(decoded.max())) == (-1.0, 1.0)


def test_a_codebook_decodes_latents_near_one_of_its_codes_like_it():
    model = autoencoder()
    stage, codes = LatentCodec(model), model.quantize.embedding.weight.detach()
    latents = codes[:1].T[None, :, :, None].expand(1, 3, 4, 4)
    assert torch.allclose(stage.decode(latents), stage.decode(latents + 1e-3), atol=1e-5)
    assert not torch.allclose(stage.decode(latents), stage.decode(codes[1:2].T[None, :, :, None].expand(1, 3, 4, 4)))


@pytest.mark.parametrize(("levels", "factor"), [(1, 1), (2, 2), (3, 4)])
def test_a_level_halves_the_side(levels, factor):
    model = autoencoder(size=16, block_out_channels=[8] * levels)
    assert diffusion_autoencoder.factor(model) == factor
    assert LatentCodec(model).encode(torch.zeros(1, 3, 16, 16)).shape[-1] == 16 // factor


def test_weights_depend_on_the_seed_alone():
    torch.manual_seed(5)
    one, again, other = (diffusion_autoencoder.build("vq", AUTOENCODER, SIZE, seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["encoder.conv_in.weight"], other["encoder.conv_in.weight"])
    drawn = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(drawn, torch.rand(1))


def test_numbers_that_fit_no_network_are_told():
    with pytest.raises(InputError, match=r"train_autoencoder.network has 3 levels.*4 px wide.*10 px"):
        diffusion_autoencoder.build("vq", AUTOENCODER | {"block_out_channels": [8, 8, 8]}, 10, 0)
    with pytest.raises(InputError, match=r"train_autoencoder.network does not build.*divisible"):
        diffusion_autoencoder.build("vq", AUTOENCODER | {"norm_num_groups": 3}, SIZE, 0)


@pytest.mark.parametrize(("kind", "known"), [("vq", VQModel), ("kl", AutoencoderKL)])
def test_a_saved_folder_loads_here_and_in_diffusers(tmp_path, kind, known):
    model = autoencoder(kind, scale=3.0)
    diffusion_autoencoder.save(model, tmp_path / "folder")
    for loaded in (
        diffusion_autoencoder.load(tmp_path / "folder", CPU),
        known.from_pretrained(tmp_path / "folder").eval(),
    ):
        assert loaded.config.scaling_factor == 3.0
        assert torch.equal(LatentCodec(loaded).encode(images()), LatentCodec(model).encode(images()))


def test_a_folder_of_something_else_is_told(tmp_path):
    with pytest.raises(InputError, match="nothing: not a diffusers autoencoder"):
        diffusion_autoencoder.load(tmp_path / "nothing", CPU)
    (tmp_path / "config.json").write_text(json.dumps({"_class_name": "UNet2DModel"}))
    with pytest.raises(InputError, match="UNet2DModel given; VQModel or AutoencoderKL needed"):
        diffusion_autoencoder.load(tmp_path, CPU)


def test_many_images_are_encoded_in_equal_chunks_and_go_on_after_the_last(tmp_path):
    packed, stage = tiny_images(10), LatentCodec(autoencoder())
    (tmp_path / "whole").mkdir()
    made = diffusion_autoencoder.encode_images(stage, packed, tmp_path / "whole", CPU, label="test", chunk_size=4)
    whole = made.array()
    assert (whole.shape, whole.dtype) == ((10, 3, 4, 4), np.float16)
    assert np.allclose(whole, stage.encode(images(10)).numpy(), atol=2e-3)
    shapes = []
    stage.autoencoder.encoder.register_forward_pre_hook(lambda _m, args: shapes.append(len(args[0])))
    (last,) = (tmp_path / "whole").glob("chunk00000008.*.npy")
    last.unlink()
    again = diffusion_autoencoder.encode_images(stage, packed, tmp_path / "whole", CPU, label="test", chunk_size=4)
    assert shapes == [4]  # of the two images that were missing, and two to fill the chunk
    assert np.array_equal(whole, again.array())


def test_latents_beyond_the_type_of_their_file_are_told(tmp_path):
    stage = LatentCodec(autoencoder(scale=1e9))
    with pytest.raises(InputError, match=r"beyond float16.*train_autoencoder.unit_variance"):
        diffusion_autoencoder.encode_images(stage, tiny_images(4), tmp_path, CPU, label="test", chunk_size=4)


def test_a_network_is_trained_on_what_its_family_needs(tmp_path):
    stage, packed, path = LatentCodec(autoencoder()), tiny_images(), tmp_path / "latents.npy"
    np.save(path, tiny_latent.latents())
    assert diffusion_autoencoder.training_set(None, packed, ()) is packed
    assert np.array_equal(diffusion_autoencoder.training_set(stage, packed, (path,)), tiny_latent.latents())
    for wrong in ((None, (path,)), (stage, ())):
        with pytest.raises(InputError, match=r"given.*needed by the family"):
            diffusion_autoencoder.training_set(wrong[0], packed, wrong[1])
    with pytest.raises(InputError, match=r"\(32, 3, 4, 4\) given, float16 \(31, c, h, w\) needed"):
        diffusion_autoencoder.training_set(stage, packed[:31], (path,))
