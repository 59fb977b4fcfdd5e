"""PSNR, SSIM and LPIPS against closed forms, against plain loops, and against their packages."""

import lpips
import numpy as np
import pytest
import torch

from selfrefine import backbones, files, pixels
from selfrefine.errors import InputError
from selfrefine.metrics import inpainting
from tests.tiny import tiny_images

CPU = torch.device("cpu")


def pairs(n=4, size=16):
    draws = np.random.default_rng(0)
    images = tiny_images(n, size)
    noise = draws.normal(0, 30, images.shape)
    return images, (images + noise).clip(0, 255).round().astype(np.uint8)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Random weights of AlexNet's convolutions."""
    torch.manual_seed(0)
    tensors = {f"features.{name}": tensor for name, tensor in backbones.alexnet_features().state_dict().items()}
    path = tmp_path_factory.mktemp("weights") / "alexnet.safetensors"
    files.write_tensors(path, tensors)
    return path


@pytest.mark.parametrize("levels", [1, 5, 51])
def test_psnr_of_a_known_error(levels):
    images = np.full((2, 8, 8, 3), 100, np.uint8)
    assert inpainting.psnr(images, images + np.uint8(levels)) == pytest.approx(20 * np.log10(255 / levels))


def test_psnr_of_equal_images_is_that_of_the_least_error():
    images, other = tiny_images(2), tiny_images(2)
    equal = inpainting.psnr(images, images)
    other[:, 0, 0, 0] ^= 1
    assert equal == pytest.approx(inpainting.psnr(images, other))
    assert equal == pytest.approx(10 * np.log10(255**2 * 8 * 8 * 3))


def test_ssim_equals_a_loop_over_windows():
    images, others = pairs()
    for one, other, found in zip(images / 255, others / 255, inpainting.ssim(images, others), strict=True):
        windows = []
        for top in range(16 - 6):
            for left in range(16 - 6):
                for channel in range(3):
                    a, b = (x[top : top + 7, left : left + 7, channel].ravel() for x in (one, other))
                    (va, cov), (_, vb) = np.cov(a, b)
                    top_part = (2 * a.mean() * b.mean() + 1e-4) * (2 * cov + 9e-4)
                    windows.append(top_part / ((a.mean() ** 2 + b.mean() ** 2 + 1e-4) * (va + vb + 9e-4)))
        assert found == pytest.approx(np.mean(windows), abs=1e-9)
    assert inpainting.ssim(images, images) == pytest.approx(1.0)


def test_psnr_and_ssim_equal_scikit_image():
    measures = pytest.importorskip("skimage.metrics")
    images, others = pairs()
    for row in range(len(images)):
        one, other = images[row] / 255, others[row] / 255
        expected = measures.peak_signal_noise_ratio(one, other, data_range=1)
        assert inpainting.psnr(images, others)[row] == pytest.approx(expected)
        expected = measures.structural_similarity(one, other, data_range=1, channel_axis=-1)
        assert inpainting.ssim(images, others)[row] == pytest.approx(expected, abs=1e-9)


def test_ssim_of_images_below_its_window_is_one_line():
    with pytest.raises(InputError, match="6 x 6 px; SSIM needs 7"):
        inpainting.ssim(tiny_images(1, 6), tiny_images(1, 6))


def head(number):
    """A linear head as the package ships it."""
    path = f"{lpips.__path__[0]}/weights/v0.1/alex.pth"
    return torch.load(path, map_location="cpu", weights_only=True)[f"lin{number}.model.1.weight"]


def test_lpips_is_the_weighted_distance_of_normalised_activations(weights):
    """Zhang et al. 2018, Eq. 1, on AlexNet's five ReLUs, with the shipped heads: without the package's code."""
    images, others = pairs(size=40)
    network = backbones.alexnet_features()
    network.load_state_dict({k.removeprefix("features."): v for k, v in files.read_tensors(weights)[0].items()})
    shift = torch.tensor([-0.030, -0.088, -0.188]).view(3, 1, 1)
    scale = torch.tensor([0.458, 0.448, 0.450]).view(3, 1, 1)
    one, other = ((pixels.to_float(part) - shift) / scale for part in (images, others))
    expected, count = torch.zeros(len(images)), 0
    with torch.no_grad():
        for layer in network:
            one, other = layer(one), layer(other)
            if isinstance(layer, torch.nn.ReLU):
                apart = (torch.nn.functional.normalize(one) - torch.nn.functional.normalize(other)) ** 2
                expected += (apart * head(count)).sum(dim=1).mean(dim=(1, 2))
                count += 1
    assert count == 5
    measured = inpainting.Perceptual(weights, CPU, 40)
    found = measured.distance(pixels.to_float(images), pixels.to_float(others))
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-4)
    stored = measured.of_stored(images, others, batch_size=3)
    np.testing.assert_allclose(stored["lpips"], expected.numpy(), atol=1e-6, rtol=1e-4)
    theirs = measured.network(pixels.to_float(images), pixels.to_float(others)).detach().flatten()
    torch.testing.assert_close(found, theirs, atol=1e-6, rtol=1e-4)
    unit = measured.network(pixels.to_float(images) / 2 + 0.5, pixels.to_float(others) / 2 + 0.5).flatten()
    np.testing.assert_allclose(stored["lpips_unit"], unit.numpy(), atol=1e-6, rtol=1e-4)
    assert (stored["lpips"] != stored["lpips_unit"]).all()


def test_small_images_are_enlarged(weights):
    images, others = pairs(size=16)
    found = inpainting.Perceptual(weights, CPU, 32).of_stored(images, others, 4)["lpips"]
    large = [torch.nn.functional.interpolate(pixels.to_float(p), (32, 32), mode="bilinear") for p in (images, others)]
    expected = inpainting.Perceptual(weights, CPU, 32).distance(*large)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-6)
    with pytest.raises(InputError, match="lpips_size is 16; AlexNet needs 31"):
        inpainting.Perceptual(weights, CPU, 16)


@pytest.mark.parametrize(("scale", "shift"), [(0.5, 0.5), (127.5, 127.5), (1.1, 0.0)])
def test_lpips_of_a_wrong_range_raises(weights, scale, shift):
    one, other = (pixels.to_float(part) * scale + shift for part in pairs(size=32))
    with pytest.raises(InputError, match=r"\[-1, 1\] needed"):
        inpainting.Perceptual(weights, CPU, 32).distance(one, other)


def test_weights_of_another_network_are_one_line(tmp_path):
    files.write_tensors(tmp_path / "vgg.safetensors", {"features.0.weight": torch.zeros(1)})
    with pytest.raises(InputError, match=r"vgg\.safetensors: weights of another network than AlexNet"):
        inpainting.Perceptual(tmp_path / "vgg.safetensors", CPU, 32)


def test_the_interval_of_a_mean_covers_it():
    draws = np.random.default_rng(0).normal(2.0, 1.0, (500, 50))
    found = [inpainting.mean(row) for row in draws]
    covered = np.mean([estimate.low < 2.0 < estimate.high for estimate in found])
    assert 0.91 < covered < 0.97
