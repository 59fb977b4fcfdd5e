"""Stored images in, one array per feature network out."""

import numpy as np
import pytest
import torch

from selfrefine import files
from selfrefine.backbones import alexnet_features
from selfrefine.errors import InputError
from selfrefine.runtime import Job
from selfrefine.stages.extract_features import Config, Inputs, Outputs, run
from tests.tiny import tiny_images

NAMES = {"dataset": "shapes", "split": "test"}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Random AlexNet weights in a folder of their name: VGG16 would only be slower."""
    path = tmp_path_factory.mktemp("models") / "alexnet" / "weights.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        files.write_tensors(path, {f"features.{k}": v for k, v in alexnet_features().state_dict().items()})
    return path


@pytest.fixture
def job(tmp_path, weights):
    """A job on ten images; `changes` replace leaves of its config."""
    images = tmp_path / "images.npy"
    files.write_array(images, tiny_images(10))

    def build(**changes):
        values = {
            "names": NAMES,
            "device": "cpu",
            "networks": ("alexnet_conv5_gap",),
            "n_images": 8,
            "batch_size": 3,
        }
        outputs = Outputs(tmp_path / "features.npz")
        return Job("extract_features", Config(**values | changes), Inputs(images, (weights,)), outputs)

    return build


def test_first_images_become_float32_features(job):
    run(job())
    features = files.read_arrays(job().outputs.features)
    assert features.keys() == {"alexnet_conv5_gap"}
    array = features["alexnet_conv5_gap"]
    assert (array.shape, array.dtype) == ((8, 256), np.float32)
    assert np.isfinite(array).all()
    assert len(np.unique(array, axis=0)) == 8
    run(job(n_images=4))
    fewer = files.read_arrays(job().outputs.features)["alexnet_conv5_gap"]
    np.testing.assert_allclose(fewer, array[:4], atol=1e-5)


def test_the_same_images_give_the_same_bytes(job):
    run(job())
    before = files.sha256(job().outputs.features)
    run(job())
    assert files.sha256(job().outputs.features) == before


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"n_images": 11}, "holds 10 images, 11 needed"),
        ({"networks": ("vgg16_conv5_gap",)}, "needs the weights vgg16; given: alexnet"),
        ({"networks": ("alexnet",)}, "extract_features.networks has 'alexnet'; known: vgg16_conv5_gap"),
    ],
)
def test_what_does_not_fit_is_told_before_any_work(job, changes, told):
    with pytest.raises(InputError, match=told) as error:
        run(job(**changes))
    assert "\n" not in str(error.value)
    assert not job().outputs.features.exists()
