"""Captions by number of image, caption dropout, classifier-free guidance; what is told of captions that do not fit."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from selfrefine.core import arrays as core_arrays
from selfrefine.core import random_streams
from selfrefine.core.errors import InputError
from selfrefine.diffusion import prompts
from selfrefine.diffusion.prompts import Captions, Prompted

ROWS = np.array([2, 1, 0, 2], np.int64)
EMBEDDINGS = np.arange(3 * 2 * 4, dtype=np.float16).reshape(3, 2, 4)


@pytest.fixture
def captions():
    return Captions(EMBEDDINGS, ROWS)


def test_an_image_has_its_own_caption_and_they_begin_again(captions):
    given = captions.of([0, 1, 3, 4, 9])
    assert (given.shape, given.dtype) == ((5, 2, 4), torch.float32)
    assert np.array_equal(given.numpy(), EMBEDDINGS[[2, 1, 2, 2, 1]])
    assert torch.equal(captions.of(torch.tensor([0, 5])), captions.of(np.array([0, 5])))
    assert (len(captions), captions.tokens) == (4, 2)


def test_the_empty_caption_is_the_first_row(captions):
    assert np.array_equal(captions.empty(2).numpy(), EMBEDDINGS[[0, 0]])


@pytest.mark.parametrize(("rate", "share"), [(0.0, 0.0), (0.25, 0.25), (1.0, 1.0)])
def test_so_many_captions_are_dropped(rate, share):
    n = 4000
    captions = Captions(EMBEDDINGS, np.full(n, 2))
    given = captions.dropped(torch.arange(n), rate, random_streams.stream(0, "caption_dropout", 0)).numpy()
    empty = (given == EMBEDDINGS[0]).all(axis=(1, 2))
    assert (given[~empty] == EMBEDDINGS[2]).all()
    assert empty.mean() == pytest.approx(share, abs=4 * (rate * (1 - rate) / n) ** 0.5)


class Linear(nn.Module):
    """Predicts the mean of the prompt times x_t plus the time."""

    config, device = "its config", torch.device("cpu")

    def forward(self, noisy, t, embeddings):
        return SimpleNamespace(sample=embeddings.mean(dim=(1, 2)).view(-1, 1, 1, 1) * noisy + t)


@pytest.mark.parametrize("scale", [0.0, 0.5, 1.0, 2.0, 7.5])
def test_guidance_goes_from_the_empty_caption_through_the_prompt(captions, scale):
    noisy = torch.randn((3, 1, 2, 2), generator=torch.Generator().manual_seed(0))
    network = prompts.prompted(Linear(), captions, range(3), scale)
    given, empty = (EMBEDDINGS[rows].mean(axis=(1, 2)) for rows in ([2, 1, 0], [0, 0, 0]))
    weight = torch.from_numpy((1 - scale) * empty + scale * given).float().view(-1, 1, 1, 1)
    assert torch.allclose(network(noisy, 5).sample, weight * noisy + 5, atol=1e-4)
    assert (network.config, network.device) == ("its config", torch.device("cpu"))


def test_without_guidance_the_empty_caption_is_not_evaluated(captions):
    empty = torch.full((2, 2, 4), torch.nan)
    network = Prompted(Linear(), captions.of([0, 1]), 1.0, empty)
    assert torch.isfinite(network(torch.ones(2, 1, 2, 2), 5).sample).all()


def test_a_network_without_captions_is_what_it_was_and_takes_no_guidance():
    network = Linear()
    assert prompts.prompted(network, None, range(3)) is network
    with pytest.raises(InputError, match=r"guidance_scale is 2.0; the family of train_base takes no captions"):
        prompts.prompted(network, None, range(3), 2.0)


# -- files -------------------------------------------------------------------------------------------------------------

CONDITIONAL = SimpleNamespace(config=SimpleNamespace(cross_attention_dim=4))
PLAIN = SimpleNamespace(config=SimpleNamespace())


def written(folder, embeddings=EMBEDDINGS, rows=ROWS):
    paths = folder / "embeddings.npy", folder / "train_rows.npy"
    for path, array in zip(paths, (embeddings, rows), strict=True):
        core_arrays.write_array(path, array)
    return paths


def test_captions_are_read_without_being_loaded(tmp_path, captions):
    read = prompts.read(CONDITIONAL, written(tmp_path), 4)
    assert isinstance(read.embeddings, np.memmap)
    assert torch.equal(read.of([0, 1, 2]), captions.of([0, 1, 2]))
    assert prompts.read(PLAIN, ()) is None


def test_captions_and_networks_that_do_not_belong_together_are_told(tmp_path):
    with pytest.raises(InputError, match="captions: captions given, none needed by the family of train_base"):
        prompts.read(PLAIN, written(tmp_path))
    with pytest.raises(InputError, match="captions: none given, captions needed by the family of train_base"):
        prompts.read(CONDITIONAL, ())


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"embeddings": EMBEDDINGS[..., :3]}, r"embeddings.npy: float16 \(3, 2, 3\) given, .* \(captions, tokens, 4\)"),
        ({"embeddings": EMBEDDINGS.astype(np.int64)}, "embeddings.npy: int64"),
        ({"embeddings": EMBEDDINGS[0]}, r"float16 \(2, 4\) given"),
        ({"rows": ROWS[:3]}, r"train_rows.npy: int64 \(3,\) given, int64 \(4,\) needed"),
        ({"rows": ROWS.astype(np.int32)}, "train_rows.npy: int32"),
        ({"rows": ROWS + 1}, r"rows 1 to 3, but .*embeddings.npy has 3"),
        ({"rows": ROWS - 1}, "rows -1 to 1"),
    ],
)
def test_files_that_do_not_fit_are_told(tmp_path, arrays, told):
    with pytest.raises(InputError, match=told):
        prompts.read(CONDITIONAL, written(tmp_path, **arrays), 4)


def test_no_captions_at_all_are_told(tmp_path):
    with pytest.raises(InputError, match=r"int64 \(0,\) given, int64 \(images,\) needed"):
        prompts.read(CONDITIONAL, written(tmp_path, rows=ROWS[:0]))
