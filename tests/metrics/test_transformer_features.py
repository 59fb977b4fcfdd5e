"""Features of given vision transformers: those that transformers gives by itself; their kernel distance; the plan."""

import numpy as np
import pytest
import torch
from torch_fidelity.metric_kid import kid_features_to_metric
from transformers import AutoImageProcessor, CLIPModel, Dinov2Model

from selfrefine.core.errors import InputError
from selfrefine.core.job import Job
from selfrefine.cost import flops
from selfrefine.cost.loads import Load, feature_space
from selfrefine.metrics import features
from selfrefine.metrics.kernel import Pool, kernel_distance
from selfrefine.stages import fetch_weights
from tests.support import given_vision

NAMES = {"clip": "clip", "whole_clip": "clip", "dinov2": "dinov2"}
WIDTHS = {"clip": 12, "dinov2": 16}


@pytest.fixture(params=given_vision.FOLDERS)
def kind(request):
    return request.param


def fetched(kind, tmp_path):
    """The path of the stage's output; the working folder is empty."""
    name, sha256 = NAMES[kind], given_vision.save(kind, tmp_path / kind)
    path = tmp_path / "models" / "fetch_weights" / name / "weights.safetensors"
    config = fetch_weights.Given(("folder",), str(tmp_path / kind), sha256, {"weights": name})
    fetch_weights.run(Job("fetch_weights", config, fetch_weights.Inputs(), fetch_weights.Outputs(path)))
    return path


@pytest.fixture
def extracted(kind, tmp_path):
    """A function of images: their features by our way."""
    name = NAMES[kind]
    model = features.extractor(name, {name: fetched(kind, tmp_path)})

    def of(images):
        return features.extract(model, images, batch_size=2, device=torch.device("cpu"), label="test")

    return of


@pytest.fixture
def theirs(kind, tmp_path, extracted):
    """The same by transformers' own classes, from the folder and from a list of images of a height and width each."""
    folder = tmp_path / kind
    processor = AutoImageProcessor.from_pretrained(folder)

    @torch.no_grad()
    def of(images):
        prepared = processor(images=list(images), return_tensors="pt", input_data_format="channels_last")
        if kind == "dinov2":
            return Dinov2Model.from_pretrained(folder).eval()(**prepared).last_hidden_state[:, 0].numpy()
        if kind == "whole_clip":
            return CLIPModel.from_pretrained(folder).eval().get_image_features(**prepared).pooler_output.numpy()
        from transformers import CLIPVisionModelWithProjection

        return CLIPVisionModelWithProjection.from_pretrained(folder).eval()(**prepared).image_embeds.numpy()

    return of


@pytest.mark.parametrize("size", [(16, 16), (28, 28), (64, 64), (40, 56)])
def test_features_are_those_of_transformers(kind, size, extracted, theirs):
    images = np.random.default_rng(0).integers(0, 256, (5, *size, 3), dtype=np.uint8)
    found, expected = extracted(images), theirs(images)
    assert (found.shape, found.dtype) == ((5, WIDTHS[NAMES[kind]]), np.float32)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
    assert np.abs(found[0] - found[1]).max() > 1e-3 * np.abs(found).max(), "two images differ"


def test_their_kernel_distance_is_torch_fidelitys(extracted, theirs):
    draws = np.random.default_rng(1)
    sets = [draws.integers(0, high, (40, 16, 16, 3), dtype=np.uint8) for high in (200, 256)]
    ours, _ = kernel_distance(*(Pool(extracted(images).astype(np.float64)) for images in sets))
    expected = kid_features_to_metric(
        *(torch.from_numpy(theirs(images)).double() for images in sets),
        kid_subsets=1,
        kid_subset_size=40,
        verbose=False,
    )
    assert ours == pytest.approx(expected["kernel_inception_distance_mean"], rel=1e-3)
    assert ours > 0.0


@pytest.mark.parametrize(("space", "given"), [("clip", "dinov2"), ("dinov2", "clip")])
def test_weights_of_the_other_are_refused(space, given, tmp_path):
    with pytest.raises(InputError, match=f"weights of another network \\(of {given}, {space} needed"):
        features.extractor(space, {space: fetched(given, tmp_path)})


def test_a_sha256_where_the_code_has_one_is_refused(tmp_path):
    config = fetch_weights.Given(("folder",), str(tmp_path), "0" * 64, {"weights": "vgg16"})
    outputs = fetch_weights.Outputs(tmp_path / "weights.safetensors")
    with pytest.raises(InputError, match=r"weights\.vgg16\.fetch_weights\.sha256 is in the code already"):
        fetch_weights.run(Job("fetch_weights", config, fetch_weights.Inputs(), outputs))


@pytest.mark.parametrize("space", ["clip", "dinov2"])
def test_the_plan_counts_a_large_network_before_there_are_weights(space):
    """ViT-L/14 at 224 px: 256 patches and a class token through 24 blocks of 12 x 1024^2 weights, twice each."""
    load = Load("measure", feature_space(space), 1, 1)
    assert load.flops == pytest.approx(2 * 257 * 24 * 12 * 1024**2, rel=0.1)
    count = flops.count(feature_space(space), "measure")
    assert count.parameters == pytest.approx(304e6, rel=0.02)
    assert {"clip": 768, "dinov2": 1024}[space] == features.NETWORKS[space].WIDTH
