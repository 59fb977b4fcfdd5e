"""Samples and captions in; a tidy table of agreement and a line for each image out."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from selfrefine.core import arrays, files, names
from selfrefine.core.errors import InputError
from selfrefine.core.job import Job
from selfrefine.metrics import intervals, prompt_agreement
from selfrefine.stages import evaluate_prompts
from selfrefine.stages.evaluate_prompts import Config, Inputs, Outputs
from selfrefine.training import classifier
from tests.support import tiny, tiny_clip
from tests.support.tiny_garments import LABELS, SETTINGS, garments

N, PROMPTS = 40, 30  # samples 30 to 39 have the captions of test images 0 to 9
VARIANTS = ("baseline", "reverse")
CAPTIONS = {3: "a boot", 7: "a coat", 8: "a photo of a coat"}


def of_label(label):
    """The first of our images with a label."""
    images, labels = garments(20)
    return images[labels == label][0]


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prompts")
    images, labels = garments(200)
    model = classifier.initial_classifier(labels, 8, 0)
    classifier.ClassifierTrainer(model, images, labels, SETTINGS, torch.float32).run(folder, "test")
    model.save(folder / "classifier.safetensors")
    test, labels = garments(PROMPTS, seed=5)
    arrays.write_array(folder / "test.npy", test)
    items = {"label": labels, "caption": [CAPTIONS[label] for label in labels], "source": np.arange(PROMPTS)}
    files.write_table(folder / "items.csv", pd.DataFrame(items))
    prompted = labels[np.arange(N) % PROMPTS]
    followed = np.stack([of_label(label) for label in prompted])
    ignored = np.stack([of_label(LABELS[0])] * N)
    for variant, made in zip(VARIANTS, (ignored, followed), strict=True):
        arrays.write_array(folder / f"{variant}.npy", made)
    return Job(
        "evaluate_prompts",
        Config(tiny.NAMES, "cpu", VARIANTS, "baseline", "", 16),
        Inputs(
            tuple(folder / f"{variant}.npy" for variant in VARIANTS),
            folder / "test.npy",
            folder / "items.csv",
            (folder / "classifier.safetensors",),
            (),
        ),
        Outputs(folder / "prompts.csv", folder / "images.csv"),
    )


@pytest.fixture(scope="module")
def tables(job):
    evaluate_prompts.run(job)
    return files.read_table(job.outputs.metrics), files.read_table(job.outputs.by_image)


def test_every_row_is_measured(tables):
    metrics, _ = tables
    figures = {prompt_agreement.AGREEMENT, prompt_agreement.PERMUTED, prompt_agreement.DEPENDENCE}
    assert metrics.groupby("variant")["metric"].agg(set).to_dict() == {
        "baseline": figures,
        "reverse": figures | {prompt_agreement.DIFFERENCE},
        names.PHOTOGRAPHS: figures,
    }
    assert metrics.groupby("variant")["n_images"].first().to_dict() == {
        "baseline": N,
        "reverse": N,
        names.PHOTOGRAPHS: PROMPTS,
    }
    assert set(metrics["network"]) == {"classifier"}
    assert not metrics["value"].isna().any()
    assert metrics["sha256"].nunique() == 3


def test_who_follows_the_prompts_is_seen(job, tables):
    found = tables[0].set_index(["variant", "metric"])
    labels = files.read_table(job.inputs.test_items)["label"].to_numpy()
    by_chance = np.mean(labels[np.arange(N) % PROMPTS] == LABELS[0])
    assert found.loc[("reverse", prompt_agreement.AGREEMENT), "value"] == 1.0
    assert found.loc[("baseline", prompt_agreement.AGREEMENT), "value"] == pytest.approx(by_chance)
    assert (
        found.loc[("baseline", prompt_agreement.DEPENDENCE), "low"]
        < 0.0
        < found.loc[("reverse", prompt_agreement.DEPENDENCE), "low"]
    )
    difference = found.loc[("reverse", prompt_agreement.DIFFERENCE)]
    expected = intervals.share_difference_interval(round(N * (1.0 - by_chance)), 0, N)
    assert difference[["value", "low", "high"]].tolist() == pytest.approx(list(vars(expected).values()))
    assert found.loc[(names.PHOTOGRAPHS, prompt_agreement.AGREEMENT), "value"] > 0.9


def test_each_image_stands_with_its_prompt(job, tables):
    _, images = tables
    items = files.read_table(job.inputs.test_items)
    assert list(images.columns) == ["variant", "image", "label", "caption", "predicted", "score", "score_permuted"]
    own = images[images["variant"] == "reverse"].reset_index(drop=True)
    assert own["caption"].tolist() == [items["caption"][i % PROMPTS] for i in range(N)]
    assert own["predicted"].tolist() == own["label"].tolist() == [items["label"][i % PROMPTS] for i in range(N)]
    assert set(images[images["variant"] == "baseline"]["predicted"]) == {LABELS[0]}
    means = images.groupby("variant")["score_permuted"].mean()
    table = tables[0].set_index(["metric", "variant"])["value"]
    assert means.to_dict() == pytest.approx(table[prompt_agreement.PERMUTED].to_dict())


def test_a_clip_stands_in_the_place_of_the_classifier(job, tmp_path):
    folder = tiny_clip.save(tmp_path / "clip")
    config = replace(job.config, clip_folder=str(folder))
    inputs = replace(job.inputs, classifier=(), clip=(folder / "config.json", folder / "model.safetensors"))
    outputs = Outputs(tmp_path / "prompts.csv", tmp_path / "images.csv")
    evaluate_prompts.run(Job(job.name, config, inputs, outputs))
    found = files.read_table(outputs.metrics)
    assert set(found["network"]) == {"clip"}
    assert set(found["metric"]) == {
        prompt_agreement.AGREEMENT,
        prompt_agreement.PERMUTED,
        prompt_agreement.DEPENDENCE,
        prompt_agreement.DIFFERENCE,
    }
    images = files.read_table(outputs.by_image)
    assert images["predicted"].isna().all()
    assert images["score"].between(0.0, 100.0).all()


def test_the_reference_must_be_among_the_variants(job):
    with pytest.raises(InputError, match=r"shared.reference is 'none', but select.variants has baseline, reverse"):
        evaluate_prompts.run(Job(job.name, replace(job.config, reference="none"), job.inputs, job.outputs))


def test_rows_of_different_numbers_do_not_compare(job, tmp_path):
    arrays.write_array(tmp_path / "short.npy", garments(9)[0])
    inputs = replace(job.inputs, samples=(job.inputs.samples[0], tmp_path / "short.npy"))
    with pytest.raises(InputError, match=r"different numbers of images: \{'baseline': 40, 'reverse': 9\}"):
        evaluate_prompts.run(Job(job.name, job.config, inputs, job.outputs))
