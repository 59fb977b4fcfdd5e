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

PHOTOGRAPHS = {"dataset": "shapes", "model": "tiny"}
NAMES = PHOTOGRAPHS | {"seed": "0"}
NETWORK = "alexnet_conv5_gap"
MADE = ("baseline", "both", "baseline_ancestral", "fork")  # rows of a run, in the order of the inputs
REAL = ("train", "test")
ROWS = (*MADE, *REAL)


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
    """A job on ten images of each row of a run, or of photographs; `changes` replace leaves of its config."""
    for row in ROWS:
        arrays.write_array(tmp_path / row / "images.npy", images(row))

    def build(rows=MADE, **changes):
        values = {
            "names": NAMES if rows == MADE else PHOTOGRAPHS,
            "device": "cpu",
            "variants": MADE[:2] if rows == MADE else (),
            "samplings": MADE[2:3] if rows == MADE else (),
            "networks": (NETWORK,),
            "n_images": 8,
            "n_reference": 0,
            "batch_size": 3,
            "horizontal_flip": False,
        }
        outputs = Outputs(tmp_path / "out" / "features.npz")
        inputs = Inputs(tuple(tmp_path / row / "images.npy" for row in rows), (weights,))
        return Job("extract_features", Config(**values | changes), inputs, outputs)

    return build


def made(job):
    """The features of a job."""
    run(job)
    return arrays.read_arrays(job.outputs.features)


def test_every_row_has_the_features_of_its_first_images_bit_for_bit(job, weights):
    found = made(job()) | made(job(REAL))
    assert list(found) == [f"{row}/{NETWORK}" for row in ROWS]
    model = features.extractor(NETWORK, {"alexnet": weights})
    for row in ROWS:
        alone = features.extract(model, images(row)[:8], batch_size=3, device=torch.device("cpu"), label="test")
        array = found[f"{row}/{NETWORK}"]
        assert (array.shape, array.dtype) == ((8, 256), np.float32)
        assert np.array_equal(array, alone)
    assert len({array.tobytes() for array in found.values()}) == len(ROWS)


def test_photographs_are_mirrored_where_training_mirrors_and_samples_are_not(job, weights):
    plain = made(job()) | made(job(REAL))
    found = made(job(horizontal_flip=True)) | made(job(REAL, horizontal_flip=True))
    model = features.extractor(NETWORK, {"alexnet": weights})
    for row in ROWS:
        given = Mirrored(images(row)[:8])[:] if row in REAL else images(row)[:8]
        alone = features.extract(model, given, batch_size=3, device=torch.device("cpu"), label="test")
        assert np.array_equal(found[f"{row}/{NETWORK}"], alone)
        changed = not np.array_equal(found[f"{row}/{NETWORK}"], plain[f"{row}/{NETWORK}"])
        assert changed == (row in REAL)


def test_photographs_may_be_more_than_samples_and_end_where_the_split_does(job):
    few = made(job()) | made(job(REAL))
    for n_reference, rows in ((9, 9), (100, 10)):
        found = made(job(n_reference=n_reference)) | made(job(REAL, n_reference=n_reference))
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
