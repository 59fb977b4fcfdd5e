"""A network and photographs in, the FD of every scale of its noise out, and images at the best one."""

from contextlib import suppress

import numpy as np
import pytest
import torch

from selfrefine import networks
from selfrefine.core import arrays, files, kept, random_streams
from selfrefine.core.errors import InputError
from selfrefine.core.job import Job
from selfrefine.diffusion import noise_schedule, sampling
from selfrefine.guidance import noise_scale
from selfrefine.metrics import features, frechet
from selfrefine.pretrained.imagenet_backbones import alexnet_features
from selfrefine.stages import generate_samples, train_base
from selfrefine.stages.choose_eps_scale import Config, Inputs, Outputs, run
from tests.support import tiny

NETWORK = "alexnet_conv5_gap"
SCALES = (0.5, 1.0, 2.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A base model, its photographs, and random AlexNet weights in a folder of their name."""
    folder = tmp_path_factory.mktemp("base")
    train_base.run(tiny.base_job(tiny.write_images(folder / "images.npy"), folder))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        weights = {f"features.{name}": value for name, value in alexnet_features().state_dict().items()}
    arrays.write_tensors(folder / "alexnet" / "weights.safetensors", weights)
    return folder


def job(folder, out, **changes):
    """The job on eight images a scale; `changes` replace leaves of its config."""
    values = {
        "names": tiny.NAMES | {"variant": "both_best"},
        "device": "cpu",
        "precision": "float32",
        "channels_last": "auto",
        "compile": "auto",
        "scales": SCALES,
        "n_images": 8,
        "batch_size": 3,
        "sampler": "ddim",
        "steps": 4,
        "chunk_size": 4,
        "guidance_scale": 1.0,
        "primary_network": NETWORK,
        "horizontal_flip": False,
    }
    inputs = Inputs(folder / "pipeline", (), folder / "images.npy", folder / "alexnet" / "weights.safetensors")
    return Job("choose_eps_scale", Config(**values | changes), inputs, Outputs(out / "scales.csv"))


@pytest.fixture(scope="module")
def table(folder, tmp_path_factory):
    """What it writes."""
    built = job(folder, tmp_path_factory.mktemp("out"))
    run(built)
    return files.read_table(built.outputs.scales)


def test_every_scale_has_a_line_with_its_names_and_one_is_chosen(table):
    assert list(table["eps_scale"])[:3] == list(SCALES)
    assert table["chosen"].sum() == 1
    assert table["fd_train"].idxmin() == table["chosen"].idxmax()
    assert (
        table[["dataset", "model", "variant", "seed", "n_images", "network"]]
        == ["shapes", "tiny", "both_best", 0, 8, NETWORK]
    ).all(axis=None)


@pytest.mark.parametrize("scale", SCALES)
def test_a_distance_is_that_of_images_from_noise_of_their_own_to_training_photographs(folder, table, scale):
    loaded = networks.load(folder / "pipeline", torch.device("cpu"))
    made = [
        sampling.sample_chunk(
            noise_scale.scaled(loaded.unet.eval(), scale),
            noise_schedule.of(loaded),
            [random_streams.stream(0, "eps_scale", number) for number in numbers],
            sampler="ddim",
            steps=4,
            dtype=torch.float32,
        )
        for numbers in (range(4), range(4, 8))
    ]
    images = (127.5 * (torch.cat(made) + 1.0)).round().byte().permute(0, 2, 3, 1).numpy()
    model = features.extractor(NETWORK, {"alexnet": folder / "alexnet" / "weights.safetensors"})
    gaussians = [
        frechet.gaussian(features.extract(model, some, batch_size=3, device=torch.device("cpu"), label="test"))
        for some in (images, tiny.tiny_images()[:8])
    ]
    found = table.loc[table["eps_scale"] == scale, "fd_train"].item()
    assert found == pytest.approx(frechet.frechet_distance(*gaussians), rel=0.02)


def test_the_same_again_is_the_same_bytes_and_a_finished_scale_is_not_sampled_again(folder, tmp_path, monkeypatch):
    whole = job(folder, tmp_path / "whole")
    run(whole)
    broken, written = job(folder, tmp_path / "broken"), []
    write = kept.write

    def failing(scratch, name, fill):
        if len(written) == 5:
            raise KeyboardInterrupt
        written.append(scratch / name)
        return write(scratch, name, fill)

    monkeypatch.setattr(kept, "write", failing)
    with suppress(KeyboardInterrupt):
        run(broken)
    assert len(set(written)) == 5
    monkeypatch.setattr(
        kept, "write", lambda scratch, name, fill: written.append(scratch / name) or write(scratch, name, fill)
    )
    run(broken)
    assert len(set(written)) == len(written)
    assert broken.outputs.scales.read_bytes() == whole.outputs.scales.read_bytes()


def test_images_at_the_best_scale_are_those_of_that_number_and_of_the_noise_of_all_rows(folder, tmp_path):
    built = job(folder, tmp_path, scales=(1.0, 1.5, 2.0))
    run(built)
    best = noise_scale.chosen((built.outputs.scales,), "row")

    def images(name, scales=(), **changes):
        sampled = tiny.samples_job(folder / "pipeline", tmp_path / name, scales=scales, **changes)
        generate_samples.run(sampled)
        return np.load(sampled.outputs.images)

    at_best = images("best", (built.outputs.scales,), eps_scale="best")
    assert np.array_equal(at_best, images("number", eps_scale=best))
    plain = images("plain")
    assert np.array_equal(plain, images("one", eps_scale=1.0))
    assert not np.array_equal(plain, images("half", eps_scale=0.5))
    with pytest.raises(InputError, match=r"samplings\.both\.generate_samples\.eps_scale is best, and 0 choices"):
        images("none", eps_scale="best")
