"""An image and a mask of one's own in, a PNG out; one line for everything that does not fit."""

import numpy as np
import pytest
from PIL import Image

from selfrefine import networks
from selfrefine.commands import inpaint
from selfrefine.core.errors import InputError
from tests.support import tiny


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


def run(folder, out, image="image.png", mask="mask.png", **others):
    words = {"pipeline": folder / "pipeline", "image": folder / image, "mask": folder / mask, "out": out}
    words |= {"steps": 4, "jump-length": 1, "jump-samples": 2, "device": "cpu", "precision": "float32"} | others
    inpaint.write(inpaint.parser().parse_args([part for k, v in words.items() for part in (f"--{k}", str(v))]))
    return np.asarray(Image.open(out))


def test_only_black_pixels_change(folder, tmp_path):
    made, image = run(folder, tmp_path / "made.png"), tiny.tiny_images(1)[0]
    changed = (made != image).any(axis=-1)
    assert changed[2:5, 2:5].any()
    changed[2:5, 2:5] = False
    assert not changed.any()
    assert np.array_equal(run(folder, tmp_path / "again.png"), made)
    assert not np.array_equal(run(folder, tmp_path / "seed.png", seed=1), made)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"image": "large.png"}, r"large\.png: 8 x 9 px; the image must have the network's 8 x 8"),
        ({"mask": "large.png"}, r"large\.png: 8 x 9 px; the mask must have the network's 8 x 8"),
        ({"mask": "white.png"}, "all white; paint black"),
        ({"mask": "grey.png"}, "only white .* and black"),
        ({"image": "text.png"}, r"text\.png: no image of a known format"),
        ({"image": "absent.png"}, r"absent\.png: no such file; name the image"),
        ({"steps": 21}, "--steps is 21; 2 to 20 needed"),
        ({"pipeline": "nowhere"}, "nowhere: not a folder sealed"),
    ],
)
def test_what_does_not_fit_is_one_line(folder, tmp_path, words, told):
    with pytest.raises(InputError, match=told) as error:
        run(folder, tmp_path / "made.png", **words)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "made.png").exists()


def test_the_result_is_a_png(folder, tmp_path):
    with pytest.raises(InputError, match=r"a name that ends in \.png"):
        run(folder, tmp_path / "made.jpg")
