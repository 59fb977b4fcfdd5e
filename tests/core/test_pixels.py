import numpy as np
import pytest
import torch

from selfrefine.core import pixels


def test_every_grey_level_survives_the_way_there_and_back():
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=3)
    seen = pixels.to_float(levels)
    assert seen.shape == (1, 3, 16, 16)
    assert seen.dtype == torch.float32
    assert (seen.min(), seen.max()) == (-1.0, 1.0)
    assert np.array_equal(pixels.to_uint8(seen), levels)


def test_channels_keep_their_places():
    image = np.random.default_rng(0).integers(0, 256, (2, 4, 6, 3), dtype=np.uint8)
    seen = pixels.to_float(image)
    assert seen[1, 2, 3, 5] == pytest.approx(image[1, 3, 5, 2] / 127.5 - 1.0)
    assert np.array_equal(pixels.to_uint8(seen), image)


@pytest.mark.parametrize(("value", "level"), [(-1.5, 0), (1.5, 255), (-1.0 + 0.4 / 127.5, 0), (-1.0 + 0.6 / 127.5, 1)])
def test_values_are_rounded_to_the_nearest_level_and_clamped(value, level):
    images = torch.full((1, 3, 2, 2), value)
    assert (pixels.to_uint8(images) == level).all()


def test_a_grey_network_sees_one_channel_and_its_images_are_stored_as_three_equal_ones():
    grey = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 1), dtype=np.uint8).repeat(3, axis=3)
    seen = pixels.to_float(grey, channels=1)
    assert seen.shape == (2, 1, 4, 4)
    assert np.array_equal(pixels.to_uint8(seen), grey)


def test_what_a_network_is_shown_of_a_sample_equals_what_is_stored():
    images = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    shown = pixels.quantise(images).permute(0, 2, 3, 1).numpy()
    assert np.array_equal(shown, pixels.to_uint8(images).astype(np.float32))


@pytest.mark.filterwarnings("error")
def test_images_from_a_read_only_memory_map_are_accepted(tmp_path):
    np.save(tmp_path / "images.npy", np.zeros((2, 4, 4, 3), np.uint8))
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    assert (pixels.to_float(mapped) == -1.0).all()


@pytest.mark.parametrize("horizontal_flip", [False, True])
def test_moments_are_those_of_all_images_and_of_their_mirror_images(horizontal_flip, monkeypatch):
    monkeypatch.setattr(pixels, "MOMENTS_CHUNK", 4 * 48)  # four images
    images = np.random.default_rng(0).integers(0, 256, (10, 4, 4, 3), dtype=np.uint8)
    counted = np.concatenate([images, images[:, :, ::-1]]) if horizontal_flip else images
    scaled = counted.transpose(0, 3, 1, 2) / 127.5 - 1.0
    mean, std = pixels.moments(images, horizontal_flip)
    assert mean.numpy() == pytest.approx(scaled.mean(axis=0), abs=1e-6)
    assert std.numpy() == pytest.approx(scaled.std(axis=0), abs=1e-6)
