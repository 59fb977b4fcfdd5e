"""The round trip of first stages in words and figures, of metrics as train_autoencoder writes them."""

import pytest
import torch

from selfrefine.core import files
from selfrefine.diffusion import autoencoder
from selfrefine.metrics import reconstruction
from selfrefine.report.seed_statistics import records
from selfrefine.report.tables import autoencoders
from tests.support import tiny_latent
from tests.support.tiny import tiny_images
from tests.support.tiny_metrics import FD, generation
from tests.support.tiny_results import table_cells, tiny_results
from tests.support.tiny_stage_metrics import round_trip_metrics

TITLES = {"shapes": "Shapes", "petals": "Petals", "ldm": "LDM", "tiny": "Tiny LDM"}
NAMES = {"dataset": "shapes", "model": "ldm"}


def run(kind="VQModel", folder="", **names):
    """config.json of train_autoencoder and of the folder that it made."""
    model = {"_class_name": kind, "block_out_channels": [8, 16, 32], "latent_channels": 3}
    codes = {"num_vq_embeddings": 1024} if kind == "VQModel" else {}
    return {"names": NAMES | names, "folder": folder}, model | codes


def lines(metrics, runs):
    return autoencoders.lines(tiny_results(generation(FD), round_trips=metrics, autoencoders=runs))


def test_one_seed_has_its_interval_over_images_and_two_have_theirs_over_seeds():
    one, *_ = records(lines(round_trip_metrics(30.0), [run()]))
    assert list(one) == autoencoders.COLUMNS
    assert (one["value"], one["low"], one["high"], one["n_seeds"]) == (30.0, 29.0, 31.0, 1)
    two, *_ = records(lines([*round_trip_metrics(30.0), *round_trip_metrics(32.0, seed=1)], [run(), run()]))
    assert (two["value"], two["n_seeds"]) == (31.0, 2)
    assert (two["high"] - two["low"]) / 2 == pytest.approx(12.706, abs=0.001)  # t of one degree of freedom, SE 1


def test_a_line_tells_what_the_first_stage_is():
    table = lines(
        [*round_trip_metrics(30.0), *round_trip_metrics(20.0, model="tiny")[:2]],
        [run(), run("AutoencoderKL", "downloads/kl", model="tiny")],
    )
    found = {line["model"]: [line[name] for name in ("kind", "f", "codes", "origin")] for line in records(table)}
    assert found == {"ldm": ["VQ", 4, 1024, "trained here"], "tiny": ["KL", 4, 0, "given"]}


def test_the_section_has_a_row_for_each_first_stage():
    table = lines(
        [*round_trip_metrics(30.0), *round_trip_metrics(20.0, dataset="petals", model="tiny")[:2]],
        [run(), run("AutoencoderKL", "downloads/kl", dataset="petals", model="tiny")],
    )
    text = autoencoders.section(table, TITLES)
    rows = [cells for cells in table_cells(text) if " on " in cells[0]]
    ssim = "0.9000 [0.8900, 0.9100]"
    assert rows == [
        ["LDM on Shapes", "VQ, trained here", "4", "1,024", "30.00 [29.00, 31.00]", ssim, "50.0", "512", "1"],
        ["Tiny LDM on Petals", "KL, given", "4", "-", "20.00 [19.00, 21.00]", ssim, "-", "512", "1"],
    ]
    assert "nan" not in text


def test_without_a_latent_family_there_is_no_section():
    assert autoencoders.section(lines([], []), TITLES) == ""


@pytest.mark.parametrize("kind", ["vq", "kl"])
def test_it_reads_what_the_stage_measures_and_saves(kind, tmp_path):
    """A saved folder of the real class and the figures of its round trip."""
    model = tiny_latent.autoencoder(kind, size=16)
    autoencoder.save(model, tmp_path / "autoencoder")
    found = reconstruction.round_trip(model, tiny_images(size=16)[:4], torch.device("cpu"), 4)
    metrics = [NAMES | {"seed": 0, "metric": name} | vars(value) | {"n_images": 4} for name, value in found.items()]
    config = files.read_json(tmp_path / "autoencoder" / "config.json")
    table = lines(metrics, [({"names": NAMES, "folder": ""}, config)])
    assert list(table["metric"]) == ["psnr", "ssim", *(["codes_used"] if kind == "vq" else [])]
    assert {*zip(table["kind"], table["f"], strict=True)} == {(kind.upper(), 2)}
    assert f"{found['psnr'].value:.2f}" in autoencoders.section(table, TITLES)
