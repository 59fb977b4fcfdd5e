"""Stored images in, one array per row and feature network out."""

from contextlib import suppress

import numpy as np
import pytest
import torch

from selfrefine.core import arrays, files, kept
from selfrefine.core.errors import InputError
from selfrefine.core.job import Job
from selfrefine.core.mirrored import Mirrored
from selfrefine.metrics import features
from selfrefine.pretrained.imagenet_backbones import alexnet_features
from selfrefine.stages.extract_features import Config, Inputs, Outputs, run
from tests.support.damage import DAMAGES
from tests.support.tiny import tiny_images

NAMES = {"dataset": "shapes", "model": "tiny", "seed": "0"}
NETWORK = "alexnet_conv5_gap"
ROWS = ("baseline", "both", "baseline_ancestral", "fork", "train", "test")  # in the order of the inputs


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Random AlexNet weights in a folder of their name: VGG16 would only be slower."""
    path = tmp_path_factory.mktemp("models") / "alexnet" / "weights.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        arrays.write_tensors(path, {f"features.{k}": v for k, v in alexnet_features().state_dict().items()})
    return path


def images(row):
    """Ten images of a row: no two rows have the same ones."""
    return np.roll(tiny_images(10), 1 + ROWS.index(row), axis=1 + ROWS.index(row) % 2)


@pytest.fixture
def job(tmp_path, weights):
    """A job on ten images of each row; `changes` replace leaves of its config."""
    paths = [tmp_path / row / "images.npy" for row in ROWS]
    for row, path in zip(ROWS, paths, strict=True):
        arrays.write_array(path, images(row))

    def build(**changes):
        values = {
            "names": NAMES,
            "device": "cpu",
            "variants": ROWS[:2],
            "samplings": ROWS[2:3],
            "networks": (NETWORK,),
            "n_images": 8,
            "n_reference": 0,
            "batch_size": 3,
            "horizontal_flip": False,
        }
        outputs = Outputs(tmp_path / "out" / "features.npz")
        inputs = Inputs(tuple(paths[:4]), *paths[4:], (weights,))
        return Job("extract_features", Config(**values | changes), inputs, outputs)

    return build


def test_every_row_has_the_features_of_its_first_images_bit_for_bit(job, weights):
    run(job())
    found = arrays.read_arrays(job().outputs.features)
    assert list(found) == [f"{row}/{NETWORK}" for row in ROWS]
    model = features.extractor(NETWORK, {"alexnet": weights})
    for row in ROWS:
        alone = features.extract(model, images(row)[:8], batch_size=3, device=torch.device("cpu"), label="test")
        array = found[f"{row}/{NETWORK}"]
        assert (array.shape, array.dtype) == ((8, 256), np.float32)
        assert np.array_equal(array, alone)
    assert len({array.tobytes() for array in found.values()}) == len(ROWS)


def test_photographs_are_mirrored_where_training_mirrors_and_samples_are_not(job, weights):
    run(job())
    plain = arrays.read_arrays(job().outputs.features)
    run(job(horizontal_flip=True))
    found = arrays.read_arrays(job().outputs.features)
    model = features.extractor(NETWORK, {"alexnet": weights})
    for row in ROWS:
        given = Mirrored(images(row)[:8])[:] if row in ("train", "test") else images(row)[:8]
        alone = features.extract(model, given, batch_size=3, device=torch.device("cpu"), label="test")
        assert np.array_equal(found[f"{row}/{NETWORK}"], alone)
        changed = not np.array_equal(found[f"{row}/{NETWORK}"], plain[f"{row}/{NETWORK}"])
        assert changed == (row in ("train", "test"))


def test_photographs_may_be_more_than_samples_and_end_where_the_split_does(job):
    run(job())
    few = arrays.read_arrays(job().outputs.features)
    for n_reference, rows in ((9, 9), (100, 10)):
        run(job(n_reference=n_reference))
        found = arrays.read_arrays(job().outputs.features)
        assert [len(array) for array in found.values()] == [8, 8, 8, 8, rows, rows]
        for name, array in found.items():
            np.testing.assert_allclose(array[:8], few[name], atol=1e-5)


def test_rows_that_a_killed_job_finished_are_not_extracted_again(job):
    run(job())
    whole = arrays.read_arrays(job().outputs.features)
    marked = np.zeros((8, 256), np.float32)
    with suppress(KeyboardInterrupt), job().scratch() as scratch:
        kept.write(scratch, f"both.{NETWORK}.npy", lambda path: arrays.fill_array(path, marked))
        raise KeyboardInterrupt
    run(job())
    resumed = arrays.read_arrays(job().outputs.features)
    assert np.array_equal(resumed.pop(f"both/{NETWORK}"), marked)
    assert all(np.array_equal(array, whole[name]) for name, array in resumed.items())


@pytest.mark.parametrize("damage", ["header", "middle", "empty", "unreadable"])
def test_a_damaged_row_is_extracted_again_with_one_line(job, capsys, damage):
    run(job())
    whole = files.sha256(job().outputs.features)
    with suppress(KeyboardInterrupt), job().scratch() as scratch:
        file = f"both.{NETWORK}.npy"
        DAMAGES[damage](kept.write(scratch, file, lambda path: arrays.fill_array(path, np.zeros((8, 256), np.float32))))
        raise KeyboardInterrupt
    capsys.readouterr()
    run(job())
    assert capsys.readouterr().out.count(f"{file}: damaged since it was written: it is made again\n") == 1
    assert files.sha256(job().outputs.features) == whole


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
