import copy
import dataclasses

import numpy as np
import pandas as pd
import pytest
from matplotlib import image

from selfrefine.core import arrays, files
from selfrefine.core.job import Job
from selfrefine.stages import make_figures
from selfrefine.stages.make_figures import Config, Inputs, Outputs
from tests.support import tiny_picks

CONFIG = Config(
    names={},
    experiment="smoke",
    select={"datasets": ["garments", "hats"], "models": ["ddpm"], "variants": ["baseline", "both"], "seeds": [7]},
    rows={
        "datasets": {
            "garments": {
                "title": "Garments",
                "size": 16,
                "main_model": "ddpm",
                "models": {
                    "ddpm": {"variants": ["baseline", "both"], "masks": ["wide"], "prompted": True, "steps": [20, 15]}
                },
            },
            "hats": {
                "title": "Hats",
                "size": 16,
                "main_model": "other",  # another network in the place of the first
                "models": {"other": {"variants": ["both"], "steps": [10, 5]}},
            },
        },
        "models": {
            "ddpm": {"title": "DDPM", "self_refining": "both", "home": "garments"},
            "other": {"title": "Other DDPM", "self_refining": "both", "home": ""},
        },
        "variants": {"baseline": {"title": "Baseline"}, "both": {"title": "Forward + reverse"}},
        "masks": {"wide": {"title": "Wide"}},
        "studies": {"shown": {"title": "Which garments?", "dataset": "garments", "model": "ddpm"}},
    },
    reference="baseline",
    n_images=4,
)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    draws = np.random.default_rng(0)
    for variant, refreshes in (("baseline", 0), ("both", 3)):
        arrays.write_array(folder / f"{variant}.npy", draws.integers(0, 256, (6, 16, 16, 3), dtype=np.uint8))
        maps = draws.random((refreshes, 16, 16), dtype=np.float32)
        arrays.write_array(folder / f"{variant}_maps.npy", maps)
        table = {"step": 20 + 5 * np.arange(refreshes), "mean": maps.mean((1, 2)), "std": maps.std((1, 2)), "kept": 1}
        files.write_table(folder / f"{variant}_refreshes.csv", pd.DataFrame(table))
        files.write_table(folder / f"{variant}_loss.csv", pd.DataFrame({"step": [25, 30, 35], "loss": draws.random(3)}))
    files.write_table(folder / "base_loss.csv", pd.DataFrame({"step": [5, 10, 15, 20], "loss": draws.random(4)}))
    examples = {
        "images": draws.integers(0, 256, (2, 16, 16, 3), dtype=np.uint8),
        "maps": draws.random((2, 32, 32), dtype=np.float32),
        "planted_images": draws.integers(0, 256, (2, 16, 16, 3), dtype=np.uint8),
        "cells": draws.random((2, 2, 2), dtype=np.float32),
        "planted_cells": draws.random((2, 2, 2), dtype=np.float32),
        "planted_masks": np.pad(np.ones((2, 4, 4), np.float32), ((0, 0), (3, 9), (5, 7))),
    }
    arrays.write_arrays(folder / "examples.npz", examples)
    mean_maps = {f"mean/{name}": draws.random((16, 16), dtype=np.float32) for name in ("flaw", "edge")}
    arrays.write_arrays(folder / "maps.npz", mean_maps)
    line = {"one": "flaw", "other": "edge", "r": 0.3, "low": 0.2, "high": 0.4, "n_images": 9}
    files.write_table(folder / "correlations.csv", pd.DataFrame([line]))
    arrays.write_array(folder / "masks.npy", 255 * draws.integers(0, 2, (6, 16, 16), dtype=np.uint8))
    files.write_table(folder / "items.csv", pd.DataFrame({"label": [1] * 5, "caption": ["a boot"] * 5}))
    trials = {"images": draws.integers(0, 256, (5, 16, 16, 3), dtype=np.uint8), "cells": tiny_picks.cells(5)}
    arrays.write_arrays(folder / "trials.npz", trials)
    arrays.write_arrays(folder / "picks.npz", {"rates": draws.random((5, 4, 4)), "participants": np.array(15)})
    variants = ("baseline", "both")
    return Inputs(
        photographs=(folder / "baseline.npy",) * 2,
        samples=tuple(folder / f"{name}.npy" for name in (*variants, "both")),
        families=tuple(folder / f"{name}.npy" for name in variants),
        refined_maps=tuple(folder / f"{name}_maps.npy" for name in variants),
        refreshes=tuple(folder / f"{name}_refreshes.csv" for name in variants),
        examples=folder / "examples.npz",
        correlations=folder / "correlations.csv",
        mean_maps=folder / "maps.npz",
        losses=tuple(folder / f"{name}_loss.csv" for name in ("base", *variants)),
        inpainted=tuple(folder / f"{name}.npy" for name in variants),
        masks=(folder / "masks.npy",) * 2,
        prompted=tuple(folder / f"{name}.npy" for name in variants),
        captions=(folder / "items.csv",),
        trials=(folder / "trials.npz",),
        picks=(folder / "picks.npz",),
    )


def draw(inputs, folder, config=CONFIG):
    names = ("figure4", "figure4_all", "figure5", "figure6", "figure7", "figure8", "figure9")
    names += ("planted", "maps", "mfam", "loss")
    tables = (folder / "loss_base.csv", folder / "loss_refined.csv")
    outputs = Outputs(*(folder / f"{name}.png" for name in names), *tables)
    make_figures.run(Job("make_figures", config, inputs, outputs))
    return {name: folder / f"{name}.png" for name in names}


def test_figures_that_are_not_blank(inputs, tmp_path):
    for path in draw(inputs, tmp_path).values():
        pixels = image.imread(path)
        assert min(pixels.shape[:2]) > 200
        assert len(np.unique(pixels[..., :3].reshape(-1, 3), axis=0)) > 50


def test_losses_are_told_in_numbers_by_row(inputs, tmp_path):
    draw(inputs, tmp_path)
    base, *refined = (files.read_table(path) for path in inputs.losses)
    pd.testing.assert_frame_equal(files.read_table(tmp_path / "loss_base.csv"), base)
    told = files.read_table(tmp_path / "loss_refined.csv")
    assert [*told] == ["step", "baseline", "both"]
    for name, table in zip(("baseline", "both"), refined, strict=True):
        assert told[name].tolist() == table["loss"].tolist()
    assert told["step"].tolist() == refined[0]["step"].tolist()


def test_the_same_files_give_the_same_bytes(inputs, tmp_path):
    first, again = draw(inputs, tmp_path / "first"), draw(inputs, tmp_path / "again")
    for name, path in first.items():
        assert path.read_bytes() == again[name].read_bytes()


def test_the_caption_names_scale_and_seed(inputs, tmp_path):
    assert make_figures.shown_of(CONFIG).caption("garments", 16) == (
        "Experiment smoke: DDPM, seed 7. Garments at 16 px, 20 + 15 steps."
    )
    other = dataclasses.replace(CONFIG, experiment="embedded")
    ours, theirs = draw(inputs, tmp_path / "smoke"), draw(inputs, tmp_path / "embedded", other)
    for name, path in ours.items():
        assert path.read_bytes() != theirs[name].read_bytes()


def test_each_data_set_shows_its_own_variants_below_its_photographs(inputs):
    blocks = make_figures.blocks(Job("make_figures", CONFIG, inputs, None))
    assert {title: list(rows) for title, rows in blocks.items()} == {
        "Garments": ["Photographs", "Baseline", "Forward + reverse"],
        "Hats, Other DDPM": ["Photographs", "Forward + reverse"],
    }
    both = arrays.read_images(inputs.samples[1])[:4]
    assert np.array_equal(blocks["Hats, Other DDPM"]["Forward + reverse"], both)


def test_a_data_set_without_a_main_model_has_no_block(inputs):
    hats = CONFIG.rows["datasets"]["hats"] | {"main_model": "", "models": {"uvit": {"variants": ["both"]}}}
    rows = CONFIG.rows | {"datasets": CONFIG.rows["datasets"] | {"hats": hats}}
    config = dataclasses.replace(CONFIG, rows=rows)
    fewer = dataclasses.replace(inputs, samples=inputs.samples[:2])
    assert list(make_figures.blocks(Job("make_figures", config, fewer, None))) == ["Garments"]


def test_each_family_shows_its_reference_and_the_row_that_it_names(inputs):
    row = CONFIG.rows["models"]["ddpm"]
    variants = CONFIG.rows["variants"] | {"reverse": {"title": "Reverse"}}
    models = {"ddpm": row, "uvit": {"title": "U-ViT", "self_refining": "reverse", "home": "garments"}}
    steps = {"ddpm": {"steps": [20, 15]}, "uvit": {"steps": [30, 10]}}
    datasets = {"garments": {"title": "Garments", "size": 16, "models": steps}}
    rows = CONFIG.rows | {"datasets": datasets, "models": models, "variants": variants}
    config = dataclasses.replace(CONFIG, rows=rows, select=CONFIG.select | {"models": ["ddpm", "uvit"]})
    one, two = inputs.families
    blocks = make_figures.families(
        Job("make_figures", config, dataclasses.replace(inputs, families=(one, two, two, one)), None)
    )
    assert {title: list(rows) for title, rows in blocks.items()} == {
        "Garments": ["Photographs"],
        "DDPM: Garments at 16 px, 20 + 15 steps": ["Baseline", "Forward + reverse"],
        "U-ViT: Garments at 16 px, 30 + 10 steps": ["Baseline", "Reverse"],
    }
    assert np.array_equal(blocks["U-ViT: Garments at 16 px, 30 + 10 steps"]["Reverse"], arrays.read_images(one)[:4])
    assert np.array_equal(
        blocks["DDPM: Garments at 16 px, 20 + 15 steps"]["Forward + reverse"], arrays.read_images(two)[:4]
    )


def test_a_size_that_a_title_tells_is_not_told_twice():
    rows = copy.deepcopy(CONFIG.rows)
    for row in rows["datasets"].values():
        row["title"] = "Garments, 16 px"
    shown = make_figures.shown_of(dataclasses.replace(CONFIG, rows=rows))
    assert shown.family("ddpm") == "DDPM: Garments, 16 px, 20 + 15 steps"


def test_figure4_is_of_the_processes_on_the_first_data_set_and_the_other_figure_of_all():
    rows = {"Photographs": 0, "Baseline": 1, "Forward + reverse": 2, "Edge": 3}
    samples = {
        name: {row: np.full((2, 8, 8, 3), 9 * k, np.uint8) for row, k in rows.items()} for name in ("one", "two")
    }
    variants = CONFIG.rows["variants"] | {"edge": {"title": "Edge"}}
    select = CONFIG.select | {"variants": ["baseline", "both", "edge"]}
    config = dataclasses.replace(CONFIG, rows=CONFIG.rows | {"variants": variants}, select=select)
    figure = make_figures.processes(make_figures.shown_of(config), samples)
    found = [ax.get_ylabel() for ax in figure.axes]
    assert found == ["Photographs", "Baseline", "Forward + reverse", "less Baseline"]


def test_without_masks_figure7_says_why(inputs, tmp_path):
    none = dataclasses.replace(inputs, inpainted=(), masks=())
    pixels = image.imread(draw(none, tmp_path)["figure7"])
    assert pixels.shape[0] < image.imread(draw(inputs, tmp_path / "inpainted")["figure7"]).shape[0] / 2


def test_without_text_to_image_figure6_says_why(inputs, tmp_path):
    none = dataclasses.replace(inputs, prompted=(), captions=())
    pixels = image.imread(draw(none, tmp_path)["figure6"])
    assert pixels.shape[0] < image.imread(draw(inputs, tmp_path / "prompted")["figure6"]).shape[0] / 2


def test_without_participants_figure9_has_no_picks_and_without_a_study_it_says_why(inputs, tmp_path):
    arrays.write_arrays(tmp_path / "none.npz", {"rates": np.full((5, 4, 4), np.nan), "participants": np.array(0)})
    nobody = dataclasses.replace(inputs, picks=(tmp_path / "none.npz",))
    nothing = dataclasses.replace(inputs, trials=(), picks=())
    drawn = [make_figures.people(Job("make_figures", CONFIG, given, None)) for given in (inputs, nobody, nothing)]
    panels = [sum(bool(ax.images) for ax in figure.axes) for figure in drawn]
    assert "share of 15 people" in [ax.get_ylabel() for ax in drawn[0].axes]
    assert panels == [3 * 4, 2 * 4, 0]
    assert "DDPM on Garments, seed 7." in drawn[0].get_supxlabel()
    assert "select.studies" in drawn[2].get_supxlabel()
