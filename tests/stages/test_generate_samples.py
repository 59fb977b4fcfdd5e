import numpy as np
import pytest
import torch
from diffusers import UNet2DModel
from torch.nn.modules.module import register_module_forward_pre_hook

from selfrefine import networks
from selfrefine.core import arrays, files, pixels, random_streams
from selfrefine.core.errors import InputError
from selfrefine.diffusion import noise_schedule, sampling
from selfrefine.stages import generate_samples, train_base
from tests.support import tiny


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    train_base.run(tiny.base_job(tiny.write_images(folder / "images.npy"), folder))
    return folder / "pipeline"


def sample(pipeline, folder, **changes):
    job = tiny.samples_job(pipeline, folder, **changes)
    generate_samples.run(job)
    return np.load(job.outputs.images)


@pytest.fixture(scope="module")
def ten(pipeline, tmp_path_factory):
    """Ten images in chunks of four."""
    return sample(pipeline, tmp_path_factory.mktemp("ten"))


def test_a_last_chunk_that_is_not_full_is_cut(ten):
    assert (ten.shape, ten.dtype) == ((10, tiny.SIZE, tiny.SIZE, 3), np.uint8)
    assert len(np.unique(ten.reshape(10, -1), axis=0)) == 10


def test_the_network_never_sees_a_chunk_of_another_size(pipeline, tmp_path):
    seen = set()

    def note(module, arguments):
        if isinstance(module, UNet2DModel):
            seen.add(len(arguments[0]))

    hook = register_module_forward_pre_hook(note)
    try:
        sample(pipeline, tmp_path)
    finally:
        hook.remove()
    assert seen == {4}


def test_an_image_does_not_depend_on_how_many_follow_it(pipeline, ten, tmp_path):
    for count in (1, 4, 9):
        assert np.array_equal(sample(pipeline, tmp_path / str(count), n_images=count), ten[:count])


@pytest.mark.parametrize("chunk_size", [1, 3, 10, 16])
def test_another_chunk_size_changes_last_bits_only(pipeline, ten, tmp_path, chunk_size):
    other = sample(pipeline, tmp_path, chunk_size=chunk_size)
    difference = np.abs(other.astype(int) - ten.astype(int))
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.01


@pytest.mark.parametrize("sampler", ["ddim", "ancestral"])
def test_each_image_is_sampled_from_its_own_stream_of_evaluation(pipeline, tmp_path, sampler):
    drawn = sample(pipeline, tmp_path, n_images=3, sampler=sampler)
    loaded = networks.load(pipeline, torch.device("cpu"))
    for row in range(3):
        alone = sampling.sample_chunk(
            loaded.unet.eval(),
            noise_schedule.of(loaded),
            [random_streams.stream(0, "evaluation", row)],
            sampler=sampler,
            steps=4,
            dtype=torch.float32,
        )
        assert np.abs(pixels.to_uint8(alone)[0].astype(int) - drawn[row]).max() <= 1


def test_variants_start_from_the_same_noise_and_seeds_do_not(pipeline, ten, tmp_path):
    names = tiny.NAMES | {"variant": "another"}
    assert np.array_equal(sample(pipeline, tmp_path / "variant", names=names), ten)
    assert not np.array_equal(sample(pipeline, tmp_path / "seed", names=names | {"seed": "1"}), ten)


def test_bfloat16_gives_nearly_the_same_images(pipeline, ten, tmp_path):
    half = sample(pipeline, tmp_path, precision="bfloat16")
    difference = np.abs(half.astype(int) - ten.astype(int))
    assert 0 < difference.mean() < 3


def test_an_untrained_control_is_other_images_of_the_same_noise(pipeline, ten, tmp_path):
    maps = np.full((2, tiny.SIZE, tiny.SIZE), 0.5, np.float32)
    arrays.write_array(tmp_path / "maps.npy", maps)
    arrays.write_array(tmp_path / "mean_map.npy", maps[:1])
    files.write_json(tmp_path / "config.json", vars(tiny.refined_config(forward_weight=0.05, reverse_weight=0.05)))
    some_map = tuple(tmp_path / name for name in ("maps.npy", "mean_map.npy", "config.json"))
    assert np.array_equal(sample(pipeline, tmp_path / "none", some_map=some_map), ten)
    for correction in ("time_shift", "kv_gain", "keep_map"):
        other = sample(pipeline, tmp_path / correction, some_map=some_map, correction=correction)
        difference = np.abs(other.astype(int) - ten.astype(int))
        assert 0 < difference.mean() < 8, correction


def test_a_control_of_a_variant_without_a_map_names_its_row(pipeline, tmp_path):
    for name in ("maps.npy", "mean_map.npy"):
        arrays.write_array(tmp_path / name, np.zeros((0, tiny.SIZE, tiny.SIZE), np.float32))
    files.write_json(tmp_path / "config.json", vars(tiny.refined_config(forward="none", reverse="none")))
    some_map = tuple(tmp_path / name for name in ("maps.npy", "mean_map.npy", "config.json"))
    with pytest.raises(InputError, match=r"samplings\.both\.map_of: names a variant without a map"):
        sample(pipeline, tmp_path, some_map=some_map, correction="keep_map")
    assert not (tmp_path / "images.npy").exists()
