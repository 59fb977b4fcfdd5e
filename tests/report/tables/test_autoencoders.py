"""The round trip of first stages in words and figures, of metrics as train_autoencoder writes them."""

import math

import pandas as pd
import pytest
import torch

from selfrefine.core import files
from selfrefine.diffusion import autoencoder
from selfrefine.metrics import reconstruction
from selfrefine.report.tables import autoencoders
from selfrefine.report.tables.autoencoders import FirstStageRun
from tests.support import tiny_latent
from tests.support.tiny import tiny_images

TITLES = {"shapes": "Shapes", "petals": "Petals", "ldm": "LDM", "tiny": "Tiny LDM"}
NAMES = {"dataset": "shapes", "model": "ldm"}


def measured(psnr, seed=0, **names):
    """Lines of one run: an interval of +-1 dB over images, half of the codes used."""
    where = NAMES | names | {"seed": seed, "n_images": 512}
    return [
        {**where, "metric": "psnr", "value": psnr, "low": psnr - 1.0, "high": psnr + 1.0},
        {**where, "metric": "ssim", "value": 0.9, "low": 0.89, "high": 0.91},
        {**where, "metric": "codes_used", "value": 0.5, "low": math.nan, "high": math.nan},
    ]


def run(kind="VQModel", folder="", **names):
    model = {"_class_name": kind, "block_out_channels": [8, 16, 32], "latent_channels": 3}
    codes = {"num_vq_embeddings": 1024} if kind == "VQModel" else {}
    return FirstStageRun({"names": NAMES | names, "folder": folder}, model | codes)


def test_one_seed_has_its_interval_over_images_and_two_have_theirs_over_seeds():
    one, *_ = autoencoders.lines(measured(30.0), [run()])
    assert list(one) == autoencoders.COLUMNS
    assert (one["value"], one["low"], one["high"], one["n_seeds"]) == (30.0, 29.0, 31.0, 1)
    two, *_ = autoencoders.lines([*measured(30.0), *measured(32.0, seed=1)], [run(), run()])
    assert (two["value"], two["n_seeds"]) == (31.0, 2)
    assert (two["high"] - two["low"]) / 2 == pytest.approx(12.706, abs=0.001)  # t of one degree of freedom, SE 1


def test_a_line_tells_what_the_first_stage_is():
    table = autoencoders.lines(
        [*measured(30.0), *measured(20.0, model="tiny")[:2]],
        [run(), run("AutoencoderKL", "downloads/kl", model="tiny")],
    )
    told = {line["model"]: [line[name] for name in ("kind", "f", "codes", "origin")] for line in table}
    assert told == {"ldm": ["VQ", 4, 1024, "trained here"], "tiny": ["KL", 4, 0, "given"]}


def test_the_section_has_a_row_for_each_first_stage():
    table = autoencoders.lines(
        [*measured(30.0), *measured(20.0, dataset="petals", model="tiny")[:2]],
        [run(), run("AutoencoderKL", "downloads/kl", dataset="petals", model="tiny")],
    )
    text = autoencoders.section(table, TITLES)
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in text.splitlines() if " on " in row]
    ssim = "0.9000 [0.8900, 0.9100]"
    assert rows == [
        ["LDM on Shapes", "VQ, trained here", "4", "1,024", "30.00 [29.00, 31.00]", ssim, "50.0", "512", "1"],
        ["Tiny LDM on Petals", "KL, given", "4", "-", "20.00 [19.00, 21.00]", ssim, "-", "512", "1"],
    ]
    assert "nan" not in text


def test_without_a_latent_family_there_is_no_section():
    assert autoencoders.section(autoencoders.lines([], []), TITLES) == ""


@pytest.mark.parametrize("kind", ["vq", "kl"])
def test_it_reads_what_the_stage_measures_and_saves(kind, tmp_path):
    """A saved folder of the real class and the figures of its round trip."""
    model = tiny_latent.autoencoder(kind, size=16)
    autoencoder.save(model, tmp_path / "autoencoder")
    found = reconstruction.round_trip(model, tiny_images(size=16)[:4], torch.device("cpu"), 4)
    lines = [NAMES | {"seed": 0, "metric": name} | vars(value) | {"n_images": 4} for name, value in found.items()]
    files.write_table(tmp_path / "metrics.csv", pd.DataFrame(lines))
    read = files.read_table(tmp_path / "metrics.csv").to_dict("records")
    files.write_json(tmp_path / "config.json", {"names": NAMES, "folder": ""})
    table = autoencoders.lines(read, [FirstStageRun.read(tmp_path / "config.json", tmp_path / "autoencoder")])
    assert [line["metric"] for line in table] == ["psnr", "ssim", *(["codes_used"] if kind == "vq" else [])]
    assert {(line["kind"], line["f"]) for line in table} == {(kind.upper(), 2)}
    assert f"{found['psnr'].value:.2f}" in autoencoders.section(table, TITLES)
