from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score

from selfrefine.core import arrays, files, planted_names
from selfrefine.core.errors import InputError
from selfrefine.core.job import Job
from selfrefine.core.names import FAKE_SPLICE, KINDS
from selfrefine.evidence import planted_flaws, planted_maps, shortcut_baseline
from selfrefine.highlighter import gradcam
from selfrefine.highlighter import model as highlighter_model
from selfrefine.highlighter.data import RealsAndFakes, fakes_of_draw
from selfrefine.highlighter.model import FAKE, REAL
from selfrefine.metrics import classification
from selfrefine.stages import evaluate_highlighter
from selfrefine.stages.evaluate_highlighter import Config, Inputs, Outputs
from tests.support import tiny_highlighter

ROWS = ("flaw", "second", "unguarded")
SCORES = ("accuracy", "f1", "roc_auc", "p_real_gap")
CONFIG = Config(
    names={"dataset": "striped", "model": "ddpm", "seed": "0"},
    device="cpu",
    precision="float32",
    highlighters=ROWS,
    n_fakes=60,
    horizontal_flip=False,
    n_examples=3,
    n_planted=6,
    patch_share=0.5,
    patch_feather=0.2,
    patch_blur=0.2,
    patch_noise=40.0,
    patch_warp=90.0,
    planted_shares=(),
)


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluate_highlighter")
    images = tiny_highlighter.images(190, 16, striped=False)  # one kind, so that random weights cannot tell them apart
    for name, part in (("real", images[:60]), ("fake", images[60:180]), ("test", images[180:])):
        arrays.write_array(folder / name, part)
    for row in ROWS:
        model = tiny_highlighter.highlighter(shortcut_guard=row != "unguarded")
        model.draw = int(row == "second")
        with torch.no_grad():
            model.head[3].bias[REAL] -= _median_gap(model, folder)  # else all images fall to one class
        model.save(folder / row)
    inputs = Inputs(folder / "real", folder / "fake", folder / "test", tuple(folder / row for row in ROWS))
    job = Job("evaluate_highlighter", CONFIG, inputs, Outputs(folder / "metrics.csv", folder / "examples.npz"))
    evaluate_highlighter.run(job)
    return job


def test_a_highlighter_that_may_be_guessing_is_told_by_the_job(job, capsys):
    evaluate_highlighter.run(job)
    table = pd.read_csv(job.outputs.metrics)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "guessing" in line]
    score = table[(table["variant"] == "flaw") & (table["metric"] == "roc_auc")].iloc[0]
    assert score["low"] < 0.5
    assert line.startswith("evaluate_highlighter striped ddpm seed0: flaw is not shown to tell generated images from ")
    assert f"ROC-AUC {score['value']:.3f} [{score['low']:.3f}, {score['high']:.3f}], where 0.5 is guessing" in line


def data(folder, draw=0):
    real, fake = (arrays.read_images(folder / name) for name in ("real", "fake"))
    return RealsAndFakes(real, fakes_of_draw(fake, draw, 60), 0, draw)


def _median_gap(model, folder):
    test = data(folder, model.draw).part("test")
    logits = highlighter_model.classify(model, test.images, test.streams, torch.float32)
    return (logits[:, REAL] - logits[:, FAKE]).median()


def load(job, row):
    return highlighter_model.load(job.inputs.real.parent / row, torch.device("cpu"))


def values(job, row):
    table = pd.read_csv(job.outputs.metrics)
    part = table[table["variant"] == row]
    return dict(zip(part["metric"], part["value"], strict=True))


@pytest.mark.parametrize("row", ROWS)
def test_scores_of_each_ones_own_test_part_equal_scikit_learns(job, row):
    model = load(job, row)
    test = data(job.inputs.real.parent, model.draw).part("test")
    p_real = (
        highlighter_model.classify(model, test.images, test.streams, torch.float32).double().softmax(dim=1)[:, REAL]
    )
    labels = test.labels.numpy()
    expected = {
        "accuracy": balanced_accuracy_score(labels, p_real > 0.5),
        "f1": f1_score(labels, p_real > 0.5),
        "roc_auc": roc_auc_score(labels, p_real),
        "p_real_gap": float(p_real[labels == REAL].mean() - p_real[labels == FAKE].mean()),
    }
    found = values(job, row)
    assert {name: found[name] for name in SCORES} == pytest.approx(expected, rel=1e-8)
    assert 0.0 < expected["accuracy"] < 1.0
    assert row == "flaw" or set(found) == set(SCORES)


def test_the_table_is_tidy(job):
    table = pd.read_csv(job.outputs.metrics)
    expected = [
        "dataset",
        "model",
        "variant",
        "seed",
        "metric",
        "value",
        "low",
        "high",
        "n_images",
        "network",
        "sha256",
    ]
    assert list(table.columns) == expected
    assert not table.duplicated(["variant", "metric"]).any()
    counts = dict(zip(table["metric"], table["n_images"], strict=True))
    assert (counts["accuracy"], counts["shortcut_auc_seen"]) == (12, 12)
    assert (counts["background_mass"], counts["guard_correlation"], counts["hit_cell_difference"]) == (6, 6, 6)
    for row, part in table.groupby("variant"):
        assert set(part["sha256"]) == {files.sha256(job.inputs.real.parent / str(row))}
    inside = table.dropna()
    assert (inside["low"] <= inside["value"] + 1e-12).all()
    assert (inside["value"] <= inside["high"] + 1e-12).all()


def test_shortcuts_are_those_of_the_pixels_as_stored_and_as_seen(job):
    found, parts = values(job, "flaw"), data(job.inputs.real.parent)
    model = load(job, "flaw")

    def images(part, seen):
        batch = parts.part(part)
        stored = torch.from_numpy(batch.images).permute(0, 3, 1, 2).float()
        levels = model.levels(stored / 127.5 - 1, batch.streams) if seen else stored
        return shortcut_baseline.Images(shortcut_baseline.features(levels.numpy()), batch.labels.numpy())

    for name, seen in (("stored", False), ("seen", True)):
        expected = shortcut_baseline.roc_auc(images("train", seen), images("test", seen), 0)
        assert found[f"shortcut_auc_{name}"] == pytest.approx(expected.value)


def test_the_guards_effect_is_measured_on_fakes_that_neither_has_seen(job):
    fakes = data(job.inputs.real.parent).part("test").of(FAKE)
    maps = gradcam.explain(load(job, "flaw"), fakes.images, fakes.streams, torch.float32)
    others = gradcam.explain(load(job, "unguarded"), fakes.images, [], torch.float32)
    found = values(job, "flaw")
    assert found["guard_correlation"] == pytest.approx(
        shortcut_baseline.agreement(shortcut_baseline.correlations(maps, others)).value
    )
    assert 0.0 < found["guard_correlation"] < 1.0
    background = shortcut_baseline.background(shortcut_baseline.on_background(maps, fakes.images))
    assert found["background_mass"] == pytest.approx(background["background_mass"].value)


def test_without_the_unguarded_one_nothing_is_said_of_the_guard(job, tmp_path):
    config, inputs = (
        replace(CONFIG, highlighters=ROWS[:1]),
        replace(job.inputs, highlighters=job.inputs.highlighters[:1]),
    )
    alone = Job(job.name, config, inputs, Outputs(tmp_path / "metrics.csv", tmp_path / "examples.npz"))
    evaluate_highlighter.run(alone)
    expected = values(job, "flaw")
    del expected["guard_correlation"]
    assert values(alone, "flaw") == expected


def test_examples_are_the_first_fakes_of_the_test_part_and_the_first_fake_splices(job):
    examples, model = arrays.read_arrays(job.outputs.examples), load(job, "flaw")
    fakes = data(job.inputs.real.parent).part("test").of(FAKE)
    assert np.array_equal(examples["images"], fakes.images[:3])
    expected = gradcam.explain(model, fakes.images[:3], fakes.streams[:3], torch.float32)
    assert np.array_equal(examples["maps"], expected)
    assert np.array_equal(enlarged(examples["cells"]), expected)
    patch = planted_flaws.Patch(0.5, 0.2, 0.2, 40.0, 90.0)
    planted = planted_flaws.plant(arrays.read_images(job.inputs.test)[:6], fakes.images, patch, 0)
    assert np.array_equal(examples["planted_images"], planted.images[FAKE_SPLICE][:3])
    assert np.array_equal(examples["planted_masks"], planted.masks[:3])
    streams = planted_flaws.dither_streams(np.arange(6), 0)
    maps = gradcam.explain(model, planted.images[FAKE_SPLICE][:3], streams[:3], torch.float32)
    assert np.array_equal(enlarged(examples["planted_cells"]), maps)


def enlarged(cells):
    """What a flaw map is of its cells."""
    found = torch.from_numpy(cells)
    return gradcam.minmax(gradcam.enlarge(found, gradcam.CELL * cells.shape[1])).numpy()


def test_pieces_of_any_size_measure_the_same(job, tmp_path, monkeypatch):
    for module in (evaluate_highlighter, planted_maps):
        monkeypatch.setattr(module, "CHUNK", 4)
    again = Job(job.name, job.config, job.inputs, Outputs(tmp_path / "metrics.csv", tmp_path / "examples.npz"))
    evaluate_highlighter.run(again)
    for row in ROWS:
        one, other = (
            {name: value for name, value in values(each, row).items() if name not in ("accuracy", "f1")}
            for each in (again, job)
        )
        assert one == pytest.approx(other, rel=1e-4, nan_ok=True)  # an image lies on the border of the two classes


def test_sizes_add_their_figures_and_change_no_other(job, tmp_path):
    sized = replace(CONFIG, planted_shares=(0.25, 0.5))
    outputs = Outputs(tmp_path / "metrics.csv", tmp_path / "examples.npz")
    evaluate_highlighter.run(Job(job.name, sized, job.inputs, outputs))
    found, expected = (pd.read_csv(path, dtype=str) for path in (outputs.metrics, job.outputs.metrics))
    of_sizes = found["metric"].map(planted_names.read).notna()
    assert found[~of_sizes].reset_index(drop=True).equals(expected)
    assert outputs.examples.read_bytes() == job.outputs.examples.read_bytes()
    read = {planted_names.read(metric) for metric in found["metric"][of_sizes]}
    assert {each.share for each in read} == {0.25, 0.5}
    assert {each.kind for each in read} == {*KINDS, planted_names.CHANCE}
    # The size of the main test is measured on its very images.
    by = found.set_index(["variant", "metric"])["value"].astype(float)
    for kind in KINDS:
        assert by["flaw", planted_names.planted_at(0.5, kind)] == pytest.approx(by["flaw", f"hit_cell_{kind}"])


def test_flaws_are_planted_into_one_image_at_a_time(job, tmp_path, monkeypatch):
    """The blur of 64 images of 256 px would take 23 GiB."""
    plant, counts = planted_flaws.plant, []

    def planted(ground, fakes, patch, seed, rows):
        counts.append(len(rows))
        return plant(ground, fakes, patch, seed, rows)

    monkeypatch.setattr(planted_flaws, "plant", planted)
    outputs = Outputs(tmp_path / "metrics.csv", tmp_path / "examples.npz")
    evaluate_highlighter.run(replace(job, outputs=outputs))
    assert counts == [1] * (CONFIG.n_planted + CONFIG.n_examples)
    ground, fakes = (
        arrays.read_images(job.inputs.test),
        next(data(job.inputs.real.parent).pieces("test", FAKE, 6)).images,
    )
    patch = planted_flaws.Patch(0.5, 0.2, 0.2, 40.0, 90.0)
    whole = plant(ground[: CONFIG.n_planted], fakes, patch, 0)
    shown = arrays.read_arrays(outputs.examples)
    assert np.array_equal(shown["planted_images"], whole.images[FAKE_SPLICE][: CONFIG.n_examples])
    assert np.array_equal(shown["planted_masks"], whole.masks[: CONFIG.n_examples])


def test_the_interval_of_each_score_is_of_its_own_images(job):
    test = data(job.inputs.real.parent, 1).part("test")
    logits = highlighter_model.classify(load(job, "second"), test.images, test.streams, torch.float32)
    p_real = logits.double().softmax(dim=1)[:, REAL].numpy()
    expected = classification.measure(p_real[:6], p_real[6:], 0)["roc_auc"]
    table = pd.read_csv(job.outputs.metrics).set_index(["variant", "metric"])
    assert table.loc[("second", "roc_auc"), "low"] == pytest.approx(expected.low)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"n_planted": 11}, r"holds 10 images; lower evaluate_highlighter\.n_planted"),
        ({"n_fakes": 61}, r"generate_fakes\.n_images gave 120 images; 122 needed"),
        ({"highlighters": ("other", "second", "unguarded")}, r"select\.highlighters has other, .*; flaw needed"),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(changes, told, job, tmp_path):
    outputs = Outputs(tmp_path / "metrics.csv", tmp_path / "examples.npz")
    with pytest.raises(InputError, match=told) as caught:
        evaluate_highlighter.run(Job(job.name, replace(CONFIG, **changes), job.inputs, outputs))
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_it_says_the_same_twice(job, tmp_path):
    again = Job(job.name, job.config, job.inputs, Outputs(tmp_path / "metrics.csv", tmp_path / "examples.npz"))
    evaluate_highlighter.run(again)
    assert again.outputs.metrics.read_bytes() == job.outputs.metrics.read_bytes()
    assert again.outputs.examples.read_bytes() == job.outputs.examples.read_bytes()
