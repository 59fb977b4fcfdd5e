import dataclasses

import numpy as np
import pandas as pd
import pytest
from matplotlib import image

from selfrefine import files
from selfrefine.runtime import Job
from selfrefine.stages import make_figures
from selfrefine.stages.make_figures import Config, Inputs, Outputs

CONFIG = Config(
    names={},
    experiment="smoke",
    select={"datasets": ["garments"], "models": ["ddpm"], "variants": ["baseline", "both"], "seeds": [7]},
    rows={
        "datasets": {"garments": {"title": "Garments"}},
        "models": {"ddpm": {"title": "DDPM"}},
        "variants": {"baseline": {"title": "Baseline"}, "both": {"title": "Forward + reverse"}},
    },
    n_images=4,
)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    draws = np.random.default_rng(0)
    for variant, refreshes in (("baseline", 0), ("both", 3)):
        files.write_array(folder / f"{variant}.npy", draws.integers(0, 256, (6, 16, 16, 3), dtype=np.uint8))
        maps = draws.random((refreshes, 16, 16), dtype=np.float32)
        files.write_array(folder / f"{variant}_maps.npy", maps)
        table = {"step": 20 + 5 * np.arange(refreshes), "mean": maps.mean((1, 2)), "std": maps.std((1, 2))}
        files.write_table(folder / f"{variant}_refreshes.csv", pd.DataFrame(table))
        files.write_table(folder / f"{variant}_loss.csv", pd.DataFrame({"step": [25, 30, 35], "loss": draws.random(3)}))
    files.write_table(folder / "base_loss.csv", pd.DataFrame({"step": [5, 10, 15, 20], "loss": draws.random(4)}))
    examples = {
        "images": draws.integers(0, 256, (2, 16, 16, 3), dtype=np.uint8),
        "maps": draws.random((2, 32, 32), dtype=np.float32),
    }
    files.write_arrays(folder / "examples.npz", examples)
    variants = ("baseline", "both")
    return Inputs(
        samples=tuple(folder / f"{name}.npy" for name in variants),
        refined_maps=tuple(folder / f"{name}_maps.npy" for name in variants),
        refreshes=tuple(folder / f"{name}_refreshes.csv" for name in variants),
        examples=folder / "examples.npz",
        losses=tuple(folder / f"{name}_loss.csv" for name in ("base", *variants)),
    )


def draw(inputs, folder, config=CONFIG):
    names = ("figure4", "figure8", "mfam", "loss")
    make_figures.run(Job("make_figures", config, inputs, Outputs(*(folder / f"{name}.png" for name in names))))
    return {name: folder / f"{name}.png" for name in names}


def test_four_figures_that_are_not_blank(inputs, tmp_path):
    for path in draw(inputs, tmp_path).values():
        pixels = image.imread(path)
        assert min(pixels.shape[:2]) > 200
        assert len(np.unique(pixels[..., :3].reshape(-1, 3), axis=0)) > 50


def test_the_same_files_give_the_same_bytes(inputs, tmp_path):
    first, again = draw(inputs, tmp_path / "first"), draw(inputs, tmp_path / "again")
    for name, path in first.items():
        assert path.read_bytes() == again[name].read_bytes()


def test_the_caption_names_scale_and_seed(inputs, tmp_path):
    assert make_figures._caption(CONFIG, 16, [20, 35]) == (
        "Experiment smoke: Garments at 16 px, DDPM, 20 base steps and 15 of refinement, seed 7."
    )
    other = dataclasses.replace(CONFIG, experiment="embedded")
    ours, theirs = draw(inputs, tmp_path / "smoke"), draw(inputs, tmp_path / "embedded", other)
    for name, path in ours.items():
        assert path.read_bytes() != theirs[name].read_bytes()
