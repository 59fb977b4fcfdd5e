"""Inpainted images in; a tidy table of means, paired differences and FD, and a line for each image out."""

import numpy as np
import pytest
import torch

from selfrefine.core import arrays, files
from selfrefine.core.errors import InputError
from selfrefine.core.job import Job
from selfrefine.metrics import features, frechet, perceptual, similarity
from selfrefine.pretrained.imagenet_backbones import alexnet_features
from selfrefine.stages.evaluate_inpainting import Config, Inputs, Outputs, run
from tests.support import tiny

MASKS, VARIANTS, NETWORK, N = ("wide", "narrow"), ("baseline", "both"), "alexnet_conv5_gap", 6
NOISE = {"baseline": 40.0, "both": 20.0}


def result(mask, variant, kind):
    """Photographs with noise: less of the second variant, and where known pixels were pasted."""
    draws = np.random.default_rng(MASKS.index(mask))
    scale = NOISE[variant] * (0.6 if kind == "images" else 1.0)
    photographs = tiny.tiny_images(10, 16)[:N]
    return (photographs + draws.normal(0, scale, photographs.shape)).clip(0, 255).round().astype(np.uint8)


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inpainted")
    weights = folder / "alexnet" / "weights.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        arrays.write_tensors(weights, {f"features.{k}": v for k, v in alexnet_features().state_dict().items()})
    places = [(mask, variant) for mask in MASKS for variant in VARIANTS]
    for mask, variant in places:
        for kind in ("images", "raw"):
            arrays.write_array(folder / mask / variant / f"{kind}.npy", result(mask, variant, kind))
        known = np.full((N, 16, 16), 255, np.uint8)
        known[:, : 4 * (1 + MASKS.index(mask))] = 0
        arrays.write_array(folder / mask / variant / "masks.npy", known)
    arrays.write_array(folder / "photographs.npy", tiny.tiny_images(10, 16))
    paths = [
        tuple(folder / mask / variant / f"{kind}.npy" for mask, variant in places)
        for kind in ("images", "raw", "masks")
    ]
    made = Job(
        "evaluate_inpainting",
        Config(tiny.NAMES, "cpu", MASKS, VARIANTS, "baseline", (NETWORK,), 32, 4),
        Inputs(*paths, folder / "photographs.npy", (weights,)),
        Outputs(folder / "metrics.csv", folder / "images.csv"),
    )
    run(made)
    return made


def test_every_mask_and_variant_is_measured(job):
    table = files.read_table(job.outputs.metrics)
    figures = {"psnr", "ssim", "lpips", "lpips_unit", "fd_test"}
    differences = {"psnr_difference", "ssim_difference", "lpips_difference", "lpips_unit_difference"}
    found = table.groupby(["mask", "variant", "pixels"])["metric"].agg(set).to_dict()
    for mask in MASKS:
        for pixels in ("composited", "raw"):
            assert found[mask, "baseline", pixels] == figures
            assert found[mask, "both", pixels] == figures | differences | {"fd_test_log_difference"}
    assert len(found) == 8
    assert not table.duplicated(["mask", "variant", "pixels", "metric", "network"]).any()
    assert set(table["n_images"]) == {N}
    assert table["sha256"].nunique() == 8
    assert not table["value"].isna().any()


def test_figures_are_those_of_the_images(job):
    table = files.read_table(job.outputs.metrics).set_index(["mask", "variant", "pixels", "metric"])
    photographs = tiny.tiny_images(10, 16)[:N]
    for kind, pixels in (("images", "composited"), ("raw", "raw")):
        own, other = (similarity.psnr(result("wide", variant, kind), photographs) for variant in ("both", "baseline"))
        assert table.loc[("wide", "both", pixels, "psnr"), "value"] == pytest.approx(own.mean())
        difference = table.loc[("wide", "both", pixels, "psnr_difference")]
        assert difference["value"] == pytest.approx((own - other).mean())
        half = 1.959964 * (own - other).std(ddof=1) / N**0.5
        assert difference["high"] - difference["value"] == pytest.approx(half, rel=1e-5)
    weights = {"alexnet": job.inputs.weights[0]}
    model = features.extractor(NETWORK, weights)
    sets = [
        frechet.gaussian(features.extract(model, images, batch_size=4, device=torch.device("cpu"), label="test"))
        for images in (result("narrow", "both", "raw"), photographs)
    ]
    expected = frechet.frechet_distance(*sets)
    assert table.loc[("narrow", "both", "raw", "fd_test"), "value"] == pytest.approx(expected, rel=1e-6)


def test_less_noise_is_better_in_every_figure(job):
    table = files.read_table(job.outputs.metrics)
    for metric, higher in perceptual.HIGHER_IS_BETTER.items():
        differences = table[table["metric"] == f"{metric}_difference"]["value"]
        assert ((differences > 0) == higher).all(), metric
    assert (table[table["metric"] == "fd_test_log_difference"]["value"] < 0).all()


def test_there_is_a_line_for_each_image(job):
    table = files.read_table(job.outputs.by_image)
    assert list(table.columns) == ["mask", "variant", "pixels", "image", "hole", "psnr", "ssim", "lpips", "lpips_unit"]
    assert len(table) == 2 * 2 * 2 * N
    assert set(table[table["mask"] == "wide"]["hole"]) == {0.25}
    one = table.set_index(["mask", "variant", "pixels", "image"]).loc[("narrow", "baseline", "raw", 3)]
    expected = similarity.ssim(result("narrow", "baseline", "raw"), tiny.tiny_images(10, 16)[:N])[3]
    assert one["ssim"] == pytest.approx(expected, rel=1e-6)


def test_the_reference_must_be_inpainted(job):
    config = Config(tiny.NAMES, "cpu", MASKS, ("forward", "both"), "baseline", (NETWORK,), 32, 4)
    with pytest.raises(InputError, match=r"reference is 'baseline', but inpainted were forward, both"):
        run(Job(job.name, config, job.inputs, job.outputs))


def test_lpips_asks_for_its_weights(job):
    inputs = Inputs(**{**vars(job.inputs), "weights": ()})
    with pytest.raises(InputError, match="LPIPS needs the weights alexnet; given: none"):
        run(Job(job.name, job.config, inputs, job.outputs))
