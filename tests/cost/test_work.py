"""What jobs ask of networks and leave on the disk, against the stages' own loops, files and sums on paper."""

from pathlib import Path

import numpy as np
import pytest
import torch

from selfrefine.core import arrays
from selfrefine.core.names import KINDS
from selfrefine.cost import planned_jobs, work
from selfrefine.cost.flops import count
from selfrefine.cost.loads import memory
from selfrefine.cost.planned_jobs import Planned
from selfrefine.data import image_decoding
from selfrefine.guidance.refinement import Refinement
from selfrefine.metrics import generation, kernel, pairwise_blocks
from selfrefine.metrics.generation import ImageSet, RealImages
from selfrefine.params import job_config
from selfrefine.params.experiment import read_params
from tests.support import full_size, tiny, tiny_latent

CPU = torch.device("cpu")
ROOT = Path(__file__).parents[2]
SMOKE, _ = read_params(ROOT, "smoke")
NAMES = {"dataset": "fashion_mnist", "model": "ddpm", "seed": "0"}


def loads(stage, changes=None, **names):
    params = job_config.merge(SMOKE, changes or {})
    return work.of_job(params, Planned(stage, tuple((NAMES | names).items()))).loads


@pytest.mark.parametrize("first", [0, 7, 20])
@pytest.mark.parametrize("cycle", [1, 3, 20, 50])
@pytest.mark.parametrize("steps", [0, 1, 41])
def test_refreshes_are_those_of_the_loop(first, cycle, steps):
    rule = Refinement("xt", 0.01, "kv", 0.025, cycle)
    due = sum(rule.due(step, first) for step in range(first, first + steps))
    assert work.refreshes(first, steps, cycle) == due


def test_a_training_step_is_three_forward_passes_of_its_batch():
    (load,) = loads("train_base")
    assert (load.kind, load.images) == ("train", 8 * 16), "steps and batch of smoke"
    assert load.flops == pytest.approx(3 * 8 * 16 * count(load.network, "evaluate").flops, rel=2e-3)


def test_a_batch_in_parts_is_as_much_work_in_smaller_batches():
    (load,) = loads("train_base", {"train_base": {"gradient_accumulation": 4}})
    (whole,) = loads("train_base")
    assert (load.batch, load.images, load.flops) == (4, whole.images, whole.flops)
    assert memory([load], CPU, torch.float32) < memory([whole], CPU, torch.float32)


def test_checkpointed_gradients_take_a_part_of_a_fourth_pass():
    """torch makes a block's activations again up to the last that the backward pass needs, not to its output."""
    (load,) = loads("train_base", {"train_base": {"gradient_checkpointing": True}})
    (whole,) = loads("train_base")
    assert 1.1 * whole.flops < load.flops < 4 / 3 * whole.flops
    assert memory([load], CPU, torch.float32) < memory([whole], CPU, torch.float32)


def test_preparing_holds_what_is_decoded_of_a_folder_and_all_images_of_a_source():
    """However many photographs there are; those of a source in three channels, and once more as grey ones."""

    params, _ = read_params(ROOT, "embedded")
    params["datasets"]["my_images"]["prepare_data"] |= {"max_images": 118287, "size": 256}

    def held(**names):
        return work.of_job(params, Planned("prepare_data", tuple(names.items()))).held

    assert held(dataset="my_images") == 4 * image_decoding.MOST_PIXELS < 2**30
    values = params["datasets"]["fashion_mnist"]["prepare_data"]
    assert held(dataset="fashion_mnist") == 2 * values["max_images"] * values["size"] ** 2 * 4


def test_sampling_is_whole_chunks_times_steps():
    (load,) = loads("generate_samples", {"generate_samples": {"n_images": 65}}, variant="both")
    assert (load.kind, load.batch, load.images) == ("evaluate", 32, 3 * 32 * 2)
    (other,) = loads("generate_samples", {"generate_samples": {"n_images": 65}}, variant="both_ancestral")
    assert other.images == 3 * 32 * 100, "a sampling's own steps"


def test_a_guide_is_a_second_evaluation_a_step_and_its_weights():
    job = work.of_job(SMOKE, Planned("generate_samples", tuple((NAMES | {"variant": "baseline_autoguidance"}).items())))
    (load,) = job.loads
    (plain,) = loads("generate_samples", variant="baseline")
    assert load.images == 2 * plain.images
    assert job.held == 4 * count(load.network, "evaluate").parameters


def test_a_discriminator_passes_forward_and_backward_a_step_in_pieces():
    sampled, judged = loads("generate_samples", variant="baseline_discriminator")
    assert (sampled.kind, sampled.images) == ("evaluate", 64 * 2)
    assert (judged.kind, judged.network.inputs, judged.batch, judged.images) == ("train", ((3, 64, 64),), 16, 64 * 2)


def test_guided_prompts_are_two_evaluations_a_step():
    changed = {"generate_samples": {"guidance_scale": 2.0}}
    (plain, _), (guided, _) = (
        loads("generate_samples", change, variant="both", model="stable_diffusion") for change in ({}, changed)
    )
    assert guided.images == 2 * plain.images


def test_a_refinement_trains_samples_and_explains():
    trained, sampled, explained = loads("train_refined", variant="both")
    assert trained.images == 4 * 16
    assert sampled.images == 2 * 8 * 2, "refreshes at steps 8 and 10, of 8 images in 2 steps"
    assert (explained.network.inputs, explained.images) == (((3, 64, 64),), 2 * 8)


def test_a_refinement_holds_the_training_state_that_it_reads():
    job = work.of_job(SMOKE, Planned("train_refined", tuple((NAMES | {"variant": "both"}).items())))
    assert job.held == job.loads[0].state == 4 * 4 * count(job.loads[0].network, "train").parameters


def test_a_baseline_only_trains_and_may_train_longer():
    (plain,) = loads("train_refined", variant="baseline")
    (longer,) = loads("train_refined", variant="baseline_equal_cost")
    assert longer.images - plain.images == 16 * round(0.8333 * 4)


@pytest.mark.parametrize("variant", ["label_shuffled", "real_map"])
def test_maps_of_other_images_or_highlighters_are_explained_beside_the_mfam(variant):
    assert loads("train_refined", variant=variant)[2].images == 2 * loads("train_refined", variant="both")[2].images


def test_validations_of_a_highlighter_are_those_of_its_loop():
    values = {"train_highlighter": {"steps": 7, "validate_every": 3, "batch_size": 8}, "shared": {"n_fakes": 40}}
    trained, validated = loads("train_highlighter", values, highlighter="flaw")
    assert trained.images == 7 * 2 * 8
    assert validated.images == 3 * 2 * 4, "after 3, 6 and 7 steps, a tenth of each class"


def test_features_are_those_of_all_rows():
    vgg, alexnet = loads("extract_features")
    assert vgg.images == alexnet.images == (4 + 8 + 1) * 64  # variants, samplings, the fork
    photographs = work.of_job(SMOKE, Planned("extract_features", tuple(NAMES.items())[:2]))
    assert [load.images for load in photographs.loads] == [2 * 64] * 2  # both splits
    assert vgg.kind == "measure"


def test_a_choice_of_the_noises_scale_samples_with_each_one_and_one_more():
    sampled, measured = loads("choose_eps_scale", {"choose_eps_scale": {"n_images": 30}}, variant="both_best_noise")
    assert (sampled.kind, sampled.images) == ("evaluate", 4 * 32 * 2), "three scales and a fitted one, in two steps"
    assert (measured.kind, measured.images) == ("measure", 5 * 30), "and the photographs"
    assert measured.network.name.startswith("alexnet_conv5_gap")


LATENT = {
    "models": {
        "ddpm": {"train_base": {"family": "ldm", "diffusion": {"schedule": "scaled_linear"}}},
    },
    "train_autoencoder": {
        "folder": "",
        "kind": "vq",
        "network": tiny_latent.AUTOENCODER | {"channels": 1},
        "unit_variance": True,
        "n_images": 20,
        "steps": 5,
        "batch_size": 4,
    },
    "encode_data": {"chunk_size": 100},
}


def test_a_latent_family_trains_an_autoencoder_and_encodes_once():
    trained, scaled, measured = loads("train_autoencoder", LATENT)
    assert (trained.kind, trained.images) == ("train", 5 * 4)
    assert (scaled.batch, scaled.images, measured.images) == (20, 3 * 20, 20), "the mean, the scale, a check"
    assert (trained.network, trained.network) != (scaled.network, measured.network)
    assert count(scaled.network, "measure").flops < count(measured.network, "measure").flops
    (encoded,) = loads("encode_data", LATENT)
    assert (encoded.kind, encoded.images) == ("measure", 300), "256 images in whole chunks"
    given = job_config.merge(LATENT, {"train_autoencoder": {"folder": "anywhere"}})
    scaled, measured = loads("train_autoencoder", given)
    assert [(load.kind, load.images) for load in (scaled, measured)] == [("measure", 2 * 20), ("measure", 20)]


def test_samples_of_a_latent_family_are_decoded():
    sampled, decoded = loads("generate_samples", LATENT, variant="both")
    assert (decoded.network.name.split()[:2], decoded.kind, decoded.images) == (
        ["autoencoder", "decoder"],
        "measure",
        64,
    )
    assert sampled.network.build().config.sample_size == 8, "half the side of the images"
    _, _, decoded, explained = loads("train_refined", LATENT, variant="both")
    assert decoded.images == explained.images == 16


def test_a_highlighter_of_marked_images_sees_its_batches_and_those_that_test_it():
    marks = {
        "select": {"human_marks": ["my_marks"]},
        "evaluate_human_marks": {"steps": 3, "n_evaluated": 40, "size": 64},
    }
    asked = work.of_job(job_config.merge(SMOKE, marks), Planned("evaluate_human_marks", (("human_mark", "my_marks"),)))
    trained, explained = asked.loads
    assert (trained.kind, trained.images, explained.images) == ("train", 3 * 32, 40)
    assert asked.held == work.MAPS * 8 * 40 * 64**2


PROMPTS = {
    "train_classifier": {"steps": 7, "batch_size": 8},
    "evaluate_prompts": {"clip_folder": "", "batch_size": 16},
}


def test_a_classifier_sees_its_batches_then_every_row_and_photographs():
    (trained,) = loads("train_classifier", PROMPTS)
    assert (trained.kind, trained.images) == ("train", 7 * 8)
    (measured,) = loads("evaluate_prompts", PROMPTS)
    assert measured.images == (4 + 1) * 64  # variants, photographs
    assert measured.flops > 0
    by_clip = job_config.merge(PROMPTS, {"evaluate_prompts": {"clip_folder": "downloads/clip"}})
    assert loads("evaluate_prompts", by_clip) == []


def test_every_stage_that_computes_on_a_device_is_counted_and_no_other():
    planned = planned_jobs.of_params(SMOKE, ROOT)
    counted = {job.stage for job in planned if sum(load.flops for load in work.of_job(SMOKE, job).loads) > 0}
    asked = set(job_config.SHARED["device"]) - {"encode_captions", "evaluate_human_marks"}  # the last is not selected
    assert counted == asked | {"evaluate_generation"}


def test_each_size_of_planted_flaws_asks_for_as_many_maps_as_the_first():
    def explained(shares):
        return loads("evaluate_highlighter", {"evaluate_highlighter": {"planted_shares": shares}})[-1].images

    planted = len(KINDS) * SMOKE["evaluate_highlighter"]["n_planted"]
    assert [explained(shares) - explained([]) for shares in ([0.5], [0.25, 0.75])] == [planted, 2 * planted]


@pytest.mark.parametrize("reals", [64, 160])
def test_pairs_that_are_compared_are_those_of_the_stage(monkeypatch, reals):
    """Against the pairs that generation.measure and compare make, in blocks of one pair."""
    asked = loads("evaluate_generation", {"extract_features": {"n_reference": reals}})
    pairs = []
    products = pairwise_blocks.products

    def counted(x, y, work, *, upper=False):
        pairs.append(len(x) * (len(x) + 1) // 2 if upper else len(x) * len(y))
        return products(x, y, work, upper=upper)

    monkeypatch.setattr(pairwise_blocks, "products", counted)
    monkeypatch.setattr(kernel, "products", counted)
    sets = [ImageSet(np.random.default_rng(seed).normal(size=(64 if seed > 1 else reals, 5)), 3) for seed in range(15)]
    real = RealImages(sets[0], sets[1])
    for row in sets[2:15]:  # four variants, eight samplings, the base model
        generation.measure(row, real)
    generation.compare(ImageSet(sets[0].features[:64], 3), real.test)
    for load in asked:
        assert load.images * load.batch == pytest.approx(sum(pairs), rel=0.05)
    assert [load.network.inputs for load in asked] == [((512,),), ((256,),)]
    assert asked[0].flops == pytest.approx(2 * 512 * asked[0].images * load.batch)


def test_what_a_job_holds_grows_with_its_features_and_not_with_a_highlighters_images():
    def held(stage, changes):
        params = job_config.merge(SMOKE, changes)
        return work.of_job(params, Planned(stage, tuple(NAMES.items()))).held

    few, many = (held("evaluate_generation", {"extract_features": {"n_images": n}}) for n in (64, 128))
    assert few > 4 * (512 + 256) * 9 * 64
    assert many == 2 * few
    few, many = (held("evaluate_highlighter", {"shared": {"n_fakes": n}}) for n in (30_000, 60_000))
    assert many - few < 2**10 * 64 * 3_000


def test_planting_holds_what_the_blur_of_one_image_takes():
    """Against the most that a process holds while it blurs one of 256 px."""
    sizes = {"datasets": {"fashion_mnist": {"prepare_data": {"size": 256}}}}

    def held(blur):
        params = job_config.merge(SMOKE, sizes | {"evaluate_highlighter": {"patch_blur": blur}})
        return work.of_job(params, Planned("evaluate_highlighter", tuple(NAMES.items()))).held

    (taken,) = full_size.alone("tests.support.full_blur")
    assert held(0.2) - held(0.0) == pytest.approx(taken, rel=0.1)


def test_what_reads_captions_holds_a_clip():
    """ViT-L/14 of transformers has 427.6 million parameters, of which 123.1 million are the text encoder's."""
    params, _ = read_params(ROOT, "paper")
    names = (("dataset", "coco"), ("model", "stable_diffusion"))
    trained = work.of_job(params, Planned("train_base", (*names, ("seed", "0"))))
    read = work.of_job(params, Planned("encode_captions", names))
    scored = work.of_job(params, Planned("evaluate_prompts", (*names, ("seed", "0"))))
    assert read.held == trained.held == pytest.approx(4 * 123.1e6, rel=0.01)
    assert scored.held == pytest.approx(4 * 427.6e6, rel=0.01)


def test_measuring_an_autoencoder_holds_all_latents():
    """In float32 as they are made and once joined, and in float64."""

    def held(images):
        params = job_config.merge(
            SMOKE, LATENT | {"train_autoencoder": LATENT["train_autoencoder"] | {"n_images": images}}
        )
        return work.of_job(params, Planned("train_autoencoder", tuple(NAMES.items()))).held

    assert held(21) - held(20) == 16 * 3 * 8 * 8


# -- the disk ----------------------------------------------------------------------------------------------------------

SMALL = job_config.merge(
    SMOKE,
    {
        "datasets": {"fashion_mnist": {"prepare_data": {"size": tiny.SIZE}}},
        "models": {"ddpm": {"train_base": {"network": tiny.NETWORK | {"channels": 1}, "diffusion": tiny.DIFFUSION}}},
    },
)


def disk(stage, changed=None, **names):
    return work.of_job(job_config.merge(SMALL, changed or {}), Planned(stage, tuple((NAMES | names).items()))).disk


def test_images_take_three_bytes_a_pixel(tmp_path):
    arrays.write_array(tmp_path / "images.npy", np.zeros((64, tiny.SIZE, tiny.SIZE, 3), np.uint8))
    assert disk("generate_samples", variant="both") == (tmp_path / "images.npy").stat().st_size - 128  # NumPy's head


def test_a_base_model_is_its_weights_and_its_training_state(tmp_path):
    grey = tiny.tiny_images()[..., :1].repeat(3, axis=-1)
    trainer = tiny.tiny_trainer(grey, network={"channels": 1})
    trainer.update()
    arrays.write_tensors(tmp_path / "state.safetensors", trainer.tensors(), {})
    weights = sum(parameter.numel() * 4 for parameter in trainer.network.parameters())
    state = (tmp_path / "state.safetensors").stat().st_size
    names_and_places = 200 * len(trainer.tensors())
    assert 0 <= weights + state - disk("train_base") <= names_and_places


@pytest.mark.parametrize(("steps", "kept"), [(4, 2), (120, 33), (12000, 33)])
def test_a_refinement_keeps_two_maps_of_so_many_refreshes_and_their_mean(steps, kept):
    maps = (2 * kept + 1) * 4 * tiny.SIZE**2  # float32
    runs = [disk("train_refined", {"train_refined": {"steps": steps}}, variant=row) for row in ("both", "baseline")]
    assert runs[0] - runs[1] == maps


def test_features_are_float32_of_every_row_and_tables_are_not_counted():
    assert disk("extract_features") == 13 * 64 * (512 + 256) * 4
    assert disk("make_tables") == 0
