"""The registered extractors against torchvision's networks with the same random weights."""

import numpy as np
import pytest
import torch
import torchvision
from torch_fidelity.utils import create_feature_extractor

from selfrefine.core import arrays
from selfrefine.core.errors import InputError
from selfrefine.core.names import FEATURE_WEIGHTS
from selfrefine.metrics import features
from selfrefine.metrics.frechet import FID_NETWORK

CPU = torch.device("cpu")
TORCHVISION = {"vgg16_conv5_gap": torchvision.models.vgg16, "alexnet_conv5_gap": torchvision.models.alexnet}
ACTIVATIONS = {"vgg16_conv5_gap": 30, "alexnet_conv5_gap": 12}  # layers up to the last ReLU
DIMENSIONS = {"vgg16_conv5_gap": 512, "alexnet_conv5_gap": 256}


@pytest.fixture(scope="module")
def stacks():
    """Random weights, by feature space; of torchvision's without a classifier, whose weights would take seconds."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return {space: features.NETWORKS[space].build().state_dict() for space in (*TORCHVISION, FID_NETWORK)}


@pytest.fixture(scope="module")
def weights(stacks, tmp_path_factory):
    """Safetensors with the names of torchvision and torch-fidelity, by the name of the weights."""
    folder = tmp_path_factory.mktemp("weights")
    paths = {}
    for space, tensors in stacks.items():
        name, prefix = FEATURE_WEIGHTS[space], "features." if space in TORCHVISION else ""
        paths[name] = folder / name / "weights.safetensors"
        arrays.write_tensors(paths[name], {f"{prefix}{key}": value for key, value in tensors.items()})
    return paths


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)


def extract(space, weights, images, batch_size=2):
    model = features.extractor(space, weights)
    return features.extract(model, images, batch_size=batch_size, device=CPU, label="test")


@pytest.mark.parametrize("space", TORCHVISION)
def test_features_are_those_of_torchvision(space, stacks, weights, images):
    with torch.device("meta"):
        network = TORCHVISION[space](weights=None).features[: ACTIVATIONS[space]]
    network.load_state_dict(stacks[space], assign=True)
    inputs = torch.from_numpy(images).permute(0, 3, 1, 2) / 255.0
    inputs = torch.nn.functional.interpolate(inputs, (64, 64), mode="bilinear", align_corners=False)
    inputs = torchvision.transforms.functional.normalize(inputs, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    with torch.no_grad():
        expected = network(inputs).mean(dim=(2, 3)).numpy()
    found = extract(space, weights, images)
    assert found.shape == (5, DIMENSIONS[space])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_batches_change_last_bits_only(weights, images):
    whole, parts = (extract("alexnet_conv5_gap", weights, images, size) for size in (5, 3))
    np.testing.assert_allclose(parts, whole, atol=1e-5 * np.abs(whole).max())


def test_torch_fidelity_builds_the_extractor_by_name(weights, images):
    name = "alexnet_conv5_gap"
    model = create_feature_extractor(
        name, [features.GAP], cuda=False, feature_extractor_weights_path=weights["alexnet"], verbose=False
    )
    (found,) = model(torch.from_numpy(images).permute(0, 3, 1, 2))
    np.testing.assert_allclose(found.numpy(), extract(name, weights, images), atol=1e-5)


def test_fids_network_gives_what_torch_fidelity_does_by_itself(stacks, weights, images, tmp_path):
    torch.save(stacks[FID_NETWORK], tmp_path / "published.pth")
    theirs = create_feature_extractor(
        FID_NETWORK, ["2048"], cuda=False, feature_extractor_weights_path=str(tmp_path / "published.pth"), verbose=False
    )
    (expected,) = theirs(torch.from_numpy(images[:2]).permute(0, 3, 1, 2))
    found = extract(FID_NETWORK, weights, images[:2])
    assert (found.shape, found.dtype) == ((2, features.InceptionExtractor.WIDTH), np.float32)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-5 * expected.abs().max().item())
    assert np.abs(found[0] - found[1]).max() > 1e-3 * np.abs(found).max(), "two images differ"


def test_large_images_are_averaged_not_skipped(weights):
    """A shrinking resize must see every pixel: fine stripes give the features of their mean."""
    stripes = np.zeros((1, 256, 256, 3), np.uint8)
    stripes[:, ::2] = 200
    grey = np.full((1, 256, 256, 3), 100, np.uint8)
    found, expected = (extract("alexnet_conv5_gap", weights, images) for images in (stripes, grey))
    black = extract("alexnet_conv5_gap", weights, np.zeros_like(grey))
    assert np.abs(found - expected).max() < 0.05 * np.abs(black - expected).max()


@pytest.mark.parametrize(
    ("space", "given", "told"),
    [
        ("inception", {}, "known: vgg16_conv5_gap, alexnet_conv5_gap, inception-v3-compat"),
        (FID_NETWORK, {}, "needs the weights inception; given: none"),
        (FID_NETWORK, {"inception": "alexnet"}, "weights of another network"),
        ("alexnet_conv5_gap", {}, "needs the weights alexnet; given: none"),
        ("alexnet_conv5_gap", {"alexnet": "vgg16"}, "weights of another network"),
    ],
)
def test_networks_and_weights_that_do_not_fit_are_refused(space, given, told, weights):
    with pytest.raises(InputError, match=told) as error:
        features.extractor(space, {name: weights[file] for name, file in given.items()})
    assert "\n" not in str(error.value)
