"""A pipeline and test images in; results, pasted or not, and masks out: the same masks and noise for every variant."""

import numpy as np
import pytest

from selfrefine import networks
from selfrefine.core.errors import InputError
from selfrefine.core.job import Job
from selfrefine.diffusion import inpainting_masks
from selfrefine.stages.inpaint_images import Config, Inputs, Outputs, run
from tests.support import tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("inpaint")
    networks.save(tiny.tiny_pipeline(), found / "pipeline")
    networks.save(tiny.tiny_pipeline(seed=1), found / "another")
    tiny.write_images(found / "photographs.npy", 8)
    return found


def inpaint(folder, out, pipeline="pipeline", **changes):
    values = {
        "names": tiny.NAMES | {"variant": "both", "mask": "wide"},
        "device": "cpu",
        "precision": "float32",
        "channels_last": "auto",
        "compile": "auto",
        "kind": "wide",
        "resolution": "native",
        "n_images": 6,
        "steps": 4,
        "jump_length": 1,
        "jump_samples": 2,
        "step_samples": 1,
        "chunk_size": 4,
    }
    outputs = Outputs(out / "images.npy", out / "raw.npy", out / "masks.npy")
    inputs = Inputs(folder / pipeline, folder / "photographs.npy")
    run(Job("inpaint_images", Config(**values | changes), inputs, outputs))
    return [np.load(path) for path in (outputs.images, outputs.raw, outputs.masks)]


def test_results_are_pasted_and_raw(folder, tmp_path):
    images, raw, known = inpaint(folder, tmp_path)
    photographs = tiny.tiny_images(8)[:6]
    assert images.shape == raw.shape == photographs.shape
    assert np.array_equal(known, inpainting_masks.first_masks("wide", "native", tiny.SIZE, 6, 0))
    inside = known == 255
    assert np.array_equal(images[inside], photographs[inside])
    assert np.array_equal(images[~inside], raw[~inside])
    assert not np.array_equal(images, raw)


def test_variants_share_masks_and_noise_and_seeds_do_not(folder, tmp_path):
    images, _, known = inpaint(folder, tmp_path / "one")
    names = tiny.NAMES | {"variant": "baseline", "mask": "wide"}
    same = inpaint(folder, tmp_path / "same", names=names)
    assert np.array_equal(same[0], images)
    other = inpaint(folder, tmp_path / "other", pipeline="another")
    assert np.array_equal(other[2], known)
    assert not np.array_equal(other[0], images)
    seed = inpaint(folder, tmp_path / "seed", names=names | {"seed": "1"})
    assert not np.array_equal(seed[2], known)


@pytest.mark.parametrize("changes", [{"kind": "alternating"}, {"resolution": "box256"}, {"step_samples": 3}])
def test_masks_and_the_authors_mode_are_leaves(folder, tmp_path, changes):
    images, _, known = inpaint(folder, tmp_path / "changed", **changes)
    paper, _, wide = inpaint(folder, tmp_path / "paper")
    assert not np.array_equal(images, paper)
    assert np.array_equal(known, wide) == ("step_samples" in changes)


def test_too_few_test_images_are_one_line(folder, tmp_path):
    with pytest.raises(InputError, match=r"holds 8 images; lower inpaint_images\.n_images in params\.yaml, now 9"):
        inpaint(folder, tmp_path, n_images=9)
    assert not (tmp_path / "images.npy").exists()
