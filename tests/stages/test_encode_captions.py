"""Embeddings against transformers itself, each image by its caption; the same bytes after a break and in any order."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from selfrefine.core import arrays, files, kept
from selfrefine.core.errors import InputError
from selfrefine.core.job import Job
from selfrefine.stages import encode_captions
from tests.support import tiny_text
from tests.support.tiny import bytes_below

TRAIN = ["a bag", "null", "a bag", "", "ankle boots, bags", "7"]
TEST = ["an ankle boot", "a bag", "a photo of a photo of a bag"]
DISTINCT = ["", "7", "a bag", "a photo of a photo of a bag", "an ankle boot", "ankle boots, bags", "null"]


def write_items(path: Path, captions: list[str]) -> None:
    table = {"label": 0, "caption": captions, "source": range(len(captions))}
    files.write_table(path, pd.DataFrame(table))


def job(made: Path, out: Path, **changes):
    values = {"names": {"dataset": "shapes", "model": "sd"}, "device": "cpu", "text_encoder": "tiny"}
    config = encode_captions.Config(**values | {"tokens": 8, "chunk_size": 3} | changes)
    inputs = encode_captions.Inputs(made / "train.csv", made / "test.csv", made / "text_encoder")
    names = ("embeddings.npy", "train_rows.npy", "test_rows.npy")
    return Job("encode_captions", config, inputs, encode_captions.Outputs(*(out / name for name in names)))


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """Items of two splits, an encoder, and what the stage makes of them."""
    folder = tmp_path_factory.mktemp("captions")
    write_items(folder / "train.csv", TRAIN)
    write_items(folder / "test.csv", TEST)
    tiny_text.sealed(folder / "text_encoder")
    encode_captions.run(job(folder, folder / "out"))
    return folder


def test_each_image_finds_the_embedding_of_its_caption(made: Path):
    embeddings = arrays.read_array(made / "out" / "embeddings.npy")
    assert (embeddings.shape, embeddings.dtype) == ((7, 8, tiny_text.WIDTH), np.float16)
    assert isinstance(embeddings, np.memmap)
    model, tokenizer = tiny_text.parts()
    for name, captions in (("train", TRAIN), ("test", TEST)):
        rows = arrays.read_array(made / "out" / f"{name}_rows.npy")
        assert (rows.shape, rows.dtype) == ((len(captions),), np.int64)
        for row, caption in zip(rows, captions, strict=True):
            words = tokenizer.tokenize(caption)[:6]
            ids = [tiny_text.WORDS.index(word) for word in ["[CLS]", *words, "[SEP]", *["[PAD]"] * (6 - len(words))]]
            with torch.no_grad():
                expected = model(torch.tensor([ids])).last_hidden_state[0].numpy()
            assert np.allclose(embeddings[row], expected, atol=2e-3)


def test_the_empty_caption_comes_first_and_words_that_pandas_takes_for_nothing_are_captions(made: Path):
    rows = [arrays.read_array(made / "out" / f"{name}_rows.npy").tolist() for name in ("train", "test")]
    assert rows == [[DISTINCT.index(caption) for caption in captions] for captions in (TRAIN, TEST)]


def test_what_is_cut_is_told(made: Path, tmp_path: Path, capsys):
    encode_captions.run(job(made, tmp_path))
    assert "encode_captions shapes sd: 7 distinct captions, 1 cut after 8 tokens\n" in capsys.readouterr().out
    encode_captions.run(job(made, tmp_path, tokens=12))
    told = capsys.readouterr().out
    assert "7 distinct captions, 0 cut after 12 tokens\n" in told
    assert "encode_captions shapes sd: caption 7/7" in told
    assert "captions/s" in told


def test_the_same_job_gives_the_same_bytes_after_a_break_too(made: Path, tmp_path: Path, monkeypatch):
    written = []

    def dies(folder, name, fill, write=kept.write):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(name)
        return write(folder, name, fill)

    with monkeypatch.context() as patch:
        patch.setattr(kept, "write", dies)
        with pytest.raises(KeyboardInterrupt):
            encode_captions.run(job(made, tmp_path))
    assert written == ["chunk00000000.npy", "chunk00000003.npy"]
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("chunk*.npy")}
    assert len(before) == 2
    written, write = [], kept.write
    monkeypatch.setattr(kept, "write", lambda folder, name, fill: (written.append(name), write(folder, name, fill))[1])
    encode_captions.run(job(made, tmp_path))
    assert written == ["chunk00000006.npy"]
    assert bytes_below(tmp_path) == bytes_below(made / "out")


def test_the_order_and_number_of_images_change_no_embedding(made: Path, tmp_path: Path):
    write_items(tmp_path / "train.csv", [*TEST[::-1], *TRAIN[::-1]])
    write_items(tmp_path / "test.csv", TRAIN[:2])
    shuffled = dataclasses.replace(
        job(made, tmp_path / "out"),
        inputs=encode_captions.Inputs(tmp_path / "train.csv", tmp_path / "test.csv", made / "text_encoder"),
    )
    encode_captions.run(shuffled)
    expected, found = bytes_below(made / "out"), bytes_below(tmp_path / "out")
    assert found["embeddings.npy"] == expected["embeddings.npy"]
    assert found["train_rows.npy"] != expected["train_rows.npy"]


def test_another_chunk_changes_last_bits_at_most(made: Path, tmp_path: Path):
    encode_captions.run(job(made, tmp_path, chunk_size=16))
    one, other = (np.load(folder / "embeddings.npy").astype(np.float32) for folder in (made / "out", tmp_path))
    assert np.allclose(one, other, atol=2e-3)


def test_too_many_tokens_are_refused_in_one_line(made: Path, tmp_path: Path):
    with pytest.raises(InputError, match=r"params.yaml: encode_captions.tokens is 77; .*text_encoder takes 3 to 12"):
        encode_captions.run(job(made, tmp_path / "out", tokens=77))
    assert not list(tmp_path.glob("out/*.npy"))
