"""An image and a mask of one's own in, a PNG out; one line for everything that does not fit."""

import numpy as np
import pytest
from PIL import Image

from selfrefine import networks
from tests.support import tiny
from tests.support.command import QUICK, picture, refused, words

SHORT = {"jump_length": 1, "jump_samples": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("inpaint")
    networks.save(tiny.tiny_pipeline(), found / "pipeline")
    mask = np.full((tiny.SIZE, tiny.SIZE), 255, np.uint8)
    mask[2:5, 2:5] = 0
    Image.fromarray(tiny.tiny_images(1)[0]).save(found / "image.png")
    Image.fromarray(mask).save(found / "mask.png")
    Image.fromarray(np.full_like(mask, 255)).save(found / "white.png")
    Image.fromarray(np.full_like(mask, 99)).save(found / "grey.png")
    Image.fromarray(np.zeros((9, 8, 3), np.uint8)).save(found / "large.png")
    (found / "text.png").write_text("no image")
    return found


def test_only_black_pixels_change(folder, tmp_path):
    own = SHORT | {"pipeline": folder / "pipeline", "image": folder / "image.png", "mask": folder / "mask.png"}
    made, again, other = (
        picture("inpaint", **own, out=tmp_path / f"{number}.png", seed=seed) for number, seed in enumerate((0, 0, 1))
    )
    changed = (made != tiny.tiny_images(1)[0]).any(axis=-1)
    assert changed[2:5, 2:5].any()
    changed[2:5, 2:5] = False
    assert not changed.any()
    assert np.array_equal(again, made)
    assert not np.array_equal(other, made)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image": "large.png"}, "large.png: 8 x 9 px; the image must have the network's 8 x 8"),
        ({"mask": "large.png"}, "large.png: 8 x 9 px; the mask must have the network's 8 x 8"),
        ({"mask": "white.png"}, "white.png: all white; paint black what is to be made"),
        ({"mask": "grey.png"}, "grey.png: a mask has only white (known) and black (to be made) pixels"),
        ({"image": "text.png"}, "text.png: no image of a known format"),
        ({"image": "absent.png"}, "absent.png: no such file; name the image"),
        ({"steps": 21}, "--steps is 21; 2 to 20 needed by the pipeline"),
        ({"jump_length": 0}, "--jump-length: 0 given; allowed: whole numbers from 1 to 1,000"),
        ({"jump_samples": 0}, "--jump-samples: 0 given; allowed: whole numbers from 1 to 1,000"),
        ({"pipeline": "nowhere"}, "nowhere: no such folder; --pipeline names the folder of a diffusers pipeline"),
        ({"out": "made.jpg"}, "--out: made.jpg given; allowed: a name that ends in .png"),
    ],
)
def test_what_does_not_fit_is_one_line(folder, tmp_path, monkeypatch, capsys, options, message):
    monkeypatch.chdir(folder)
    own = {"pipeline": "pipeline", "image": "image.png", "mask": "mask.png", "out": tmp_path / "made.png"}
    line = refused(words("inpaint", **own | QUICK | SHORT | options), capsys)
    assert line.startswith(f"selfrefine inpaint: {message}")
    assert not list(tmp_path.iterdir())
