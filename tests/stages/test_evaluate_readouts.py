"""Pipelines, maps and samples in, a tidy table of read-outs against the reference out."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from selfrefine import networks
from selfrefine.core import arrays, files
from selfrefine.core.errors import InputError
from selfrefine.core.job import Job
from selfrefine.core.mirrored import Mirrored
from selfrefine.diffusion import noise_schedule
from selfrefine.evidence import probes
from selfrefine.highlighter import model
from selfrefine.stages.evaluate_readouts import Config, Inputs, Outputs, run
from tests.support import tiny_highlighter, tiny_latent
from tests.support.tiny import NAMES, SIZE, tiny_images, tiny_pipeline, write_highlighter, write_images

VARIANTS = ("baseline", "both", "twin")  # the twin is the baseline again
MEAN_MAP = np.linspace(0.0, 0.8, SIZE * SIZE, dtype=np.float32).reshape(1, SIZE, SIZE)
CONFIG = Config(
    names=NAMES,
    device="cpu",
    precision="float32",
    variants=VARIANTS,
    reference="baseline",
    map_of="both",
    first_timestep=8,
    last_timestep=16,
    mechanism_images=12,
    input_size=32,
    n_images=10,
    horizontal_flip=False,
)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    folder = tmp_path_factory.mktemp("inputs")
    for variant in VARIANTS:
        seed = int(variant == "both")
        networks.save(tiny_pipeline(seed), folder / variant / "pipeline")
        arrays.write_array(folder / variant / "mean_map.npy", MEAN_MAP if seed else MEAN_MAP[:0])
        arrays.write_array(folder / variant / "images.npy", tiny_images(52)[32 + seed * 5 :])
    return Inputs(
        *(
            tuple(folder / variant / file for variant in VARIANTS)
            for file in ("pipeline", "mean_map.npy", "images.npy")
        ),
        test=write_images(folder / "test.npy"),
        weights=tiny_highlighter.write_weights(folder / "vgg16.safetensors"),
        critic=write_highlighter(folder / "critic.safetensors"),
    )


def job(inputs: Inputs, out: Path, **changes: Any) -> Job[Config, Inputs, Outputs]:
    return Job("evaluate_readouts", dataclasses.replace(CONFIG, **changes), inputs, Outputs(out / "metrics.csv"))


def test_every_variant_is_read_out_against_the_reference(inputs: Inputs, tmp_path: Path) -> None:
    run(job(inputs, tmp_path))
    table = files.read_table(tmp_path / "metrics.csv")
    assert list(table.columns) == [
        *("dataset", "model", "variant", "seed", "metric", "value", "low", "high", "n_images", "network", "sha256")
    ]
    found = table.set_index(["metric", "variant"])
    metrics = ("mechanism_slope", "place_log_ratio", "critic_logit")
    assert set(found.index) == {(metric, variant) for metric in metrics for variant in ("both", "twin")}
    for metric in metrics:
        assert found.loc[(metric, "twin"), "value"] == 0.0
        assert found.loc[(metric, "both"), "value"] != 0.0
    assert set(found.loc["mechanism_slope", "n_images"]) == {12}
    assert set(found.loc["place_log_ratio", "n_images"]) == {10}
    assert found.loc[("mechanism_slope", "both"), "sha256"] == files.sha256(inputs.pipelines[1])
    for metric in ("place_log_ratio", "critic_logit"):
        assert found.loc[(metric, "both"), "sha256"] == files.sha256(inputs.samples[1])
    assert set(found.loc["critic_logit", "n_images"]) == {10}
    assert set(found.loc["critic_logit", "network"]) == {"highlighter"}


def test_values_are_those_of_the_library(inputs: Inputs, tmp_path: Path) -> None:
    run(job(inputs, tmp_path))
    found = files.read_table(tmp_path / "metrics.csv").set_index(["metric", "variant"])["value"]
    guidance_map, images = MEAN_MAP[0], arrays.read_images(inputs.test)[:12]
    products = []
    for seed in (1, 0):
        pipeline = tiny_pipeline(seed)
        levels = noise_schedule.of(pipeline)
        products.append(probes.agreement(pipeline.unet.eval(), levels, images, timesteps=(8, 16), seed=0))
    expected = probes.slope(products[0], products[1], guidance_map).value
    assert found["mechanism_slope", "both"] == pytest.approx(expected, rel=1e-4)
    network, chosen = probes.load_vgg16(inputs.weights, torch.device("cpu")), probes.quarters(guidance_map, 16)
    assert chosen is not None
    paths = (inputs.samples[1], inputs.samples[0], inputs.test)
    sets = [probes.features_at(network, arrays.read_images(path)[:10], chosen, 32) for path in paths]
    assert found["place_log_ratio", "both"] == pytest.approx(probes.place(*sets).value, rel=1e-4)
    critic = model.load(inputs.critic, torch.device("cpu"))
    logits = [
        probes.fake_logits(critic, arrays.read_images(path)[:10], seed=0, dtype=torch.float32)
        for path in inputs.samples[1::-1]
    ]
    assert found["critic_logit", "both"] == pytest.approx(logits[0].mean() - logits[1].mean(), rel=1e-4)


def test_the_place_of_reals_is_that_of_mirrored_ones_where_training_mirrors(inputs: Inputs, tmp_path: Path) -> None:
    run(job(inputs, tmp_path, horizontal_flip=True))
    table = files.read_table(tmp_path / "metrics.csv").set_index(["metric", "variant"])["value"]
    chosen = probes.quarters(MEAN_MAP[0], 32 // probes.POOLING)
    network = probes.load_vgg16(inputs.weights, torch.device("cpu"))
    both, base = (arrays.read_images(path)[:10] for path in inputs.samples[1::-1])
    real = Mirrored(arrays.read_images(inputs.test)[:10])
    sets = [probes.features_at(network, images, chosen, 32) for images in (both, base, real)]
    assert table["place_log_ratio", "both"] == pytest.approx(probes.place(*sets).value, rel=1e-4)


def test_a_map_that_is_the_same_everywhere_has_no_place(inputs: Inputs, tmp_path: Path) -> None:
    flat = tmp_path / "mean_map.npy"
    arrays.write_array(flat, np.full((1, SIZE, SIZE), 0.2, np.float32))
    run(job(dataclasses.replace(inputs, mean_maps=(flat, flat, flat)), tmp_path))
    table = files.read_table(tmp_path / "metrics.csv").set_index("metric")
    assert len(table) == 6
    assert all(math.isnan(value) for value in table["value"].drop("critic_logit"))
    assert all(math.isfinite(value) for value in table.loc["critic_logit", "value"])  # it needs no map


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"map_of": "twin"}, "map_of names a variant without a map"),
        ({"map_of": "forward"}, r"shared\.map_of is 'forward', but select\.variants has baseline, both"),
        ({"reference": "forward"}, r"shared\.reference is 'forward', but"),
        ({"mechanism_images": 33}, r"test\.npy holds 32 images; lower evaluate_readouts\.mechanism_images"),
        ({"n_images": 16}, r"images\.npy holds 15 images; lower evaluate_readouts\.n_images in params\.yaml, now 16"),
    ],
)
def test_bad_params_are_one_line(inputs: Inputs, tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told) as error:
        run(job(inputs, tmp_path, **changes))
    assert "\n" not in str(error.value)
    assert not (tmp_path / "metrics.csv").exists()


def test_a_latent_model_has_no_mechanism_to_read(inputs: Inputs, tmp_path: Path) -> None:
    networks.save(tiny_latent.pipeline(), tmp_path / "pipeline")
    latent = dataclasses.replace(inputs, pipelines=(tmp_path / "pipeline", *inputs.pipelines[1:]))
    with pytest.raises(InputError, match=r"models.tiny works on latents.*leave the highlighter second out"):
        run(job(latent, tmp_path / "out"))
