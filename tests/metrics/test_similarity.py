"""PSNR and SSIM against closed forms and a plain loop over windows."""

import numpy as np
import pytest

from selfrefine.core.errors import InputError
from selfrefine.metrics import similarity
from tests.support.tiny import tiny_images
from tests.support.tiny_pairs import pairs


@pytest.mark.parametrize("levels", [1, 5, 51])
def test_psnr_of_a_known_error(levels):
    images = np.full((2, 8, 8, 3), 100, np.uint8)
    assert similarity.psnr(images, images + np.uint8(levels)) == pytest.approx(20 * np.log10(255 / levels))


def test_psnr_of_equal_images_is_that_of_the_least_error():
    images, other = tiny_images(2), tiny_images(2)
    equal = similarity.psnr(images, images)
    other[:, 0, 0, 0] ^= 1
    assert equal == pytest.approx(similarity.psnr(images, other))
    assert equal == pytest.approx(10 * np.log10(255**2 * 8 * 8 * 3))


def test_ssim_equals_a_loop_over_windows():
    images, others = pairs()
    for one, other, found in zip(images / 255, others / 255, similarity.ssim(images, others), strict=True):
        windows = []
        for top in range(16 - 6):
            for left in range(16 - 6):
                for channel in range(3):
                    a, b = (x[top : top + 7, left : left + 7, channel].ravel() for x in (one, other))
                    (va, cov), (_, vb) = np.cov(a, b)
                    top_part = (2 * a.mean() * b.mean() + 1e-4) * (2 * cov + 9e-4)
                    windows.append(top_part / ((a.mean() ** 2 + b.mean() ** 2 + 1e-4) * (va + vb + 9e-4)))
        assert found == pytest.approx(np.mean(windows), abs=1e-9)
    assert similarity.ssim(images, images) == pytest.approx(1.0)


def test_ssim_of_images_below_its_window_is_one_line():
    with pytest.raises(InputError, match="6 x 6 px; SSIM needs 7"):
        similarity.ssim(tiny_images(1, 6), tiny_images(1, 6))
