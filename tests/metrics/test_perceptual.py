"""LPIPS against the equation written out, and against its package."""

import lpips
import numpy as np
import pytest
import torch

from selfrefine.core import arrays, pixels
from selfrefine.core.errors import InputError
from selfrefine.metrics import perceptual
from selfrefine.pretrained import imagenet_backbones
from tests.support.tiny_pairs import pairs

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Random weights of AlexNet's convolutions."""
    torch.manual_seed(0)
    tensors = {
        f"features.{name}": tensor for name, tensor in imagenet_backbones.alexnet_features().state_dict().items()
    }
    path = tmp_path_factory.mktemp("weights") / "alexnet.safetensors"
    arrays.write_tensors(path, tensors)
    return path


def head(number):
    """A linear head as the package ships it."""
    path = f"{lpips.__path__[0]}/weights/v0.1/alex.pth"
    return torch.load(path, map_location="cpu", weights_only=True)[f"lin{number}.model.1.weight"]


def test_lpips_is_the_weighted_distance_of_normalised_activations(weights):
    """Zhang et al. 2018, Eq. 1, on AlexNet's five ReLUs, with the shipped heads: without the package's code."""
    images, others = pairs(size=40)
    network = imagenet_backbones.alexnet_features()
    network.load_state_dict({k.removeprefix("features."): v for k, v in arrays.read_tensors(weights)[0].items()})
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
    measured = perceptual.Perceptual(weights, CPU, 40)
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
    found = perceptual.Perceptual(weights, CPU, 32).of_stored(images, others, 4)["lpips"]
    large = [torch.nn.functional.interpolate(pixels.to_float(p), (32, 32), mode="bilinear") for p in (images, others)]
    expected = perceptual.Perceptual(weights, CPU, 32).distance(*large)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-6)
    with pytest.raises(InputError, match="lpips_size is 16; AlexNet needs 31"):
        perceptual.Perceptual(weights, CPU, 16)


@pytest.mark.parametrize(("scale", "shift"), [(0.5, 0.5), (127.5, 127.5), (1.1, 0.0)])
def test_lpips_of_a_wrong_range_raises(weights, scale, shift):
    one, other = (pixels.to_float(part) * scale + shift for part in pairs(size=32))
    with pytest.raises(InputError, match=r"\[-1, 1\] needed"):
        perceptual.Perceptual(weights, CPU, 32).distance(one, other)


def test_weights_of_another_network_are_one_line(tmp_path):
    arrays.write_tensors(tmp_path / "vgg.safetensors", {"features.0.weight": torch.zeros(1)})
    with pytest.raises(InputError, match=r"vgg\.safetensors: weights of another network than AlexNet"):
        perceptual.Perceptual(tmp_path / "vgg.safetensors", CPU, 32)
