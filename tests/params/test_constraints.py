"""Sizes, numbers and switches that must fit each other, across the sections of the params."""

import pytest

from selfrefine.params import check, job_config
from tests.support.wrong_params import HIGHLIGHTER_STEPS, NETWORK, ROOT, SAMPLES, at, line_about, project_params


def sampled(of, correction="none", map_of=None, name="x"):
    """A selected row of samplings."""
    row = {"title": "X", "of": of, "generate_samples": {"correction": correction}}
    row |= {"map_of": map_of} if map_of else {}
    return {"select": {"samplings": [name]}, "samplings": {name: row}}


BEST = ["baseline_best_noise", "both_best_noise"]
SCALE = "samplings.baseline_noise_1005.generate_samples"
SCALED = [
    (at("select.samplings", ["baseline_noise_1005", "fork_noise_1010", *BEST]), None),
    (
        at("select.samplings", BEST[1:]),
        "select.samplings lacks a row with eps_scale best of baseline, which both_best_noise is compared with; add it",
    ),
    (
        job_config.merge(
            at("select.samplings", [*BEST, "x"]),
            {"samplings": {"x": {"title": "X", "of": "both", "generate_samples": {"eps_scale": "best"}}}},
        ),
        "select.samplings has two rows with the best scale of both; delete one",
    ),
    (
        job_config.merge(at("select.samplings", BEST), at("choose_eps_scale.scales", [0.9, 1.01, 1.1])),
        "choose_eps_scale.scales is [0.9, 1.01, 1.1]; allowed: 1.0 among them, which changes nothing",
    ),
    (job_config.merge(at("select.samplings", []), at("choose_eps_scale.scales", [0.9, 1.01, 1.1])), None),  # no choice
    (at("choose_eps_scale.scales", [1.0, 1.1]), "choose_eps_scale.scales is [1.0, 1.1]; allowed: a list, with 3 or"),
    (at("generate_samples.eps_scale", "best"), "generate_samples.eps_scale is best; allowed: a number; a row of sampl"),
    (at("generate_samples.eps_scale", 1.005), None),
    *(
        (at("generate_samples.eps_scale", value), f"generate_samples.eps_scale is {shown}; allowed: a number or a text")
        for value, shown in ((0, "0"), (-1.0, "-1.0"), (2.5, "2.5"), ("bset", '"bset"'), (True, "true"))
    ),
    (
        job_config.merge(at("select.samplings", ["baseline_noise_1005"]), at(f"{SCALE}.sampler", "ancestral")),
        f"{SCALE}.sampler stands beside eps_scale, and the row would differ from its variant in both; delete one",
    ),
    (
        job_config.merge(
            at("select.samplings", ["baseline_noise_1005"]),
            {"samplings": {"baseline_noise_1005": {"map_of": "both", "generate_samples": {"correction": "kv_gain"}}}},
        ),
        f"{SCALE}.correction stands beside eps_scale, and the row would differ from its variant in both; delete one",
    ),
    (
        job_config.merge(at("select.samplings", ["x"]), at("samplings.x", {"title": "X", "of": "forkk"})),
        "samplings.x.of names forkk, which is not in select.variants",
    ),
]


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        (
            sampled("baseline", "time_shift", "reverse"),
            "samplings.x.map_of is reverse, whose forward is none; allowed with time_shift: a variant ",
        ),
        (
            sampled("baseline", "kv_gain", "forward"),
            "samplings.x.map_of is forward, whose reverse is none with the projection identity; allowed with kv_gain: ",
        ),
        (
            sampled("both", "keep_map"),
            "samplings.x.map_of is missing; the correction keep_map needs the variant of its",
        ),
        *SCALED,
        (sampled("both", map_of="both"), "samplings.x.map_of belongs to rows with a correction; delete it here"),
        (
            job_config.merge(sampled("both"), {"select": {"samplings": ["x", "both_ancestral"]}}),
            "select.samplings has x and both_ancestral, two other samplers of both; delete one",
        ),
        (at("samplings.both_ancestral.generate_samples.steps", 1001), None),  # not selected
        (
            job_config.merge(sampled("both"), at("samplings.x.generate_samples.steps", 1001)),
            "samplings.x.generate_samples.steps is 1001; allowed: at most models.ddpm.train_base.diffusion.timesteps",
        ),
        (
            at("evaluate_maps.n_images", 31),
            "evaluate_maps.n_images is 31; allowed: at least twice shared.map_images, which is 16: two mFAMs are ",
        ),
        (
            at("train_base.gradient_accumulation", 3),
            "train_base.gradient_accumulation is 3; allowed: a divisor of train_base.batch_size, which is 32",
        ),
        (
            at("evaluate_highlighter.n_planted", 60001),
            "evaluate_highlighter.n_planted is 60001; allowed: at most datasets.fashion_mnist.prepare_data.max_images",
        ),
        (
            at("evaluate_highlighter.patch_share", 0.03),
            "evaluate_highlighter.patch_share is 0.03; allowed: at least 1 px, a share of 0.0625 of prepare_data.size",
        ),
        (
            at("evaluate_highlighter.planted_shares", [0.5, 0.03]),
            "evaluate_highlighter.planted_shares is [0.5, 0.03]; allowed: at least 1 px, a share of 0.0625 of",
        ),
        (
            at("evaluate_generation.neighbours", 512) | {"select": {"datasets": ["fashion_mnist_shoes"]}},
            "extract_features.n_images is 512; allowed: 3 or more, and more than evaluate_generation.neighbours, which",
        ),
        (at("extract_features.n_images", 2), "extract_features.n_images is 2; allowed: 3 or more, and more than "),
        (
            at("train_autoencoder.network.norm_num_groups", 16),
            "train_autoencoder.network.block_out_channels is [8, 16, 32]; allowed: multiples of norm_num_groups, which",
        ),
        (
            at("datasets.fashion_mnist_captions.prepare_data.classes", ["bag"]),
            "datasets.fashion_mnist_captions.prepare_data.classes is ['bag']; allowed: 2 or more, or all, where a ",
        ),
        (
            at("highlighters.second.train_highlighter.draw", 0),
            "highlighters.second.train_highlighter.draw is 0; allowed: another number than that of flaw",
        ),
        (
            at("evaluate_inpainting.networks", ["inception-v3-compat"]),
            "evaluate_inpainting.networks names inception-v3-",
        ),
        (
            {"select": {"variants": [*project_params()["select"]["variants"], "reverse_no_mid"]}}
            | at(f"{NETWORK}.attention", [False, False, False]),
            "variants.reverse_no_mid.train_refined.layers is no_mid; allowed: all where no level in train_base.network",
        ),
    ],
)
def test_rows_and_numbers_that_cannot_be_measured(changed, line):
    told = line_about(changed)
    assert told is None if line is None else told.startswith(f"params.yaml: {line}")


def test_a_map_of_shuffled_labels_needs_the_highlighter_that_learned_from_them():
    changed = project_params()
    changed["select"]["variants"] = [*changed["select"]["variants"], "label_shuffled"]
    assert check.check(changed, ROOT) is None
    del changed["highlighters"]["label_shuffled"]
    line = "params.yaml: variants.label_shuffled.train_refined.map is label_shuffled; allowed: another map, or a row "
    assert check.check(changed, ROOT).startswith(f"{line}label_shuffled of highlighters; known: flaw, second")


UVIT, DIFFUSION = "models.uvit.train_base.network", "models.uvit.train_base.diffusion"


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        (at(f"{UVIT}.patch_size", 3), f"{UVIT}.patch_size is 3; allowed: a divisor of the images' 16 px"),
        (at(f"{UVIT}.heads", 3), f"{UVIT}.dim is 128; allowed: a multiple of heads, which is 3"),
        (at(f"{UVIT}.dropout", 0.1), f"{UVIT}.dropout belongs to another kind of row; delete it here"),
        (at(f"{UVIT}.block_out_channels", [8]), f"{UVIT}.depth belongs to another kind of row; delete it here"),
        (at(f"{DIFFUSION}.timesteps", 999), f"{DIFFUSION}.timesteps is 999; allowed with vp_sde: 1000, of which its"),
        (
            at(f"{DIFFUSION}.schedule", "squaredcos_cap_v2"),
            f"{DIFFUSION}.schedule is squaredcos_cap_v2; allowed with the family uvit: linear, vp_sde",
        ),
        (
            at(f"{DIFFUSION}.learned_variance", True),
            f"{DIFFUSION}.learned_variance belongs to the family improved_ddpm, not to uvit; delete it here",
        ),
        (
            at("models.uvit.train_base.family", "ddpm"),
            f"{DIFFUSION}.schedule is vp_sde; allowed with the family ddpm: linear, squaredcos_cap_v2",
        ),
        (
            at("models.ddpm.train_base.family", "uvit"),
            "train_base.network.patch_size is missing; the family uvit is built of it",
        ),
        (at("models.uvit.generate_samples", {"sampler": "euler_sde"}), None),
        (
            at("generate_samples.sampler", "euler_ode"),
            "generate_samples.sampler is euler_ode; allowed where train_base.diffusion.schedule is linear: ddim, ",
        ),
    ],
)
def test_a_family_has_its_own_leaves(changed, line):
    told = line_about(changed)
    assert told is None if line is None else told.startswith(f"params.yaml: {line}")


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"forward": "xt", "gamma": 0.1}, "gamma is 0.1; allowed: 0 where forward is xt, not none"),
        ({"map": "uniform", "match": True}, "match is true; allowed: false for uniform, whose strength is its own"),
        ({"map": "centred_minus", "match": True}, "match is true; allowed: false for centred_minus, whose strength"),
        ({"extra_steps": 0.5}, "extra_steps is 0.5; allowed: 0 unless forward and reverse are none"),
        ({"reverse": "none", "projection": "conv3"}, "projection is conv3; allowed: identity where reverse is none"),
        ({"reverse": "none", "layers": "no_mid"}, "layers is no_mid; allowed: all where reverse is none"),
    ],
)
def test_switches_of_a_variant_that_shut_each_other_out(row, told):
    line = line_about({"variants": {"both": {"train_refined": row}}})
    assert line.startswith(f"params.yaml: variants.both.train_refined.{told}")


def test_every_row_of_variants_may_be_selected():
    tree = project_params()
    tree["select"]["variants"] = list(tree["variants"])
    assert check.check(tree, ROOT) is None


def test_figures_show_images_that_there_are():
    few = {"generate_samples": {"n_images": 4}, "extract_features": {"n_images": 4}}
    line = "params.yaml: make_figures.n_images is 8; allowed: at most generate_samples.n_images, which is 4"
    assert line_about(few) == line


def test_a_width_without_attention_need_not_be_a_multiple_of_the_heads():
    plain = {"attention": [False, False, False]}
    assert line_about(at(NETWORK, plain | {"block_out_channels": [40, 48, 64]})) is None
    # the middle block attends at the last width
    assert "where there is attention" in line_about(at(NETWORK, plain | {"block_out_channels": [40, 48, 72]}))


def test_limits_themselves_are_allowed():
    at_limits = {
        "shared": {"map_steps": 1000},
        "train_base": {"warmup_steps": 160},
        "generate_samples": {"n_images": SAMPLES, "steps": 1000},
        "train_highlighter": {"validate_every": HIGHLIGHTER_STEPS},
        "datasets": {"fashion_mnist_shoes": {"prepare_data": {"max_images": SAMPLES}}},
        "evaluate_maps": {"n_images": 128},
    }
    assert check.check(job_config.merge(project_params(), at_limits), ROOT) is None


PROMPTED = "models.stable_diffusion"


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        (
            "models.ddpm.train_base.caption_dropout",
            0.1,
            "models.ddpm.train_base.caption_dropout is 0.1; allowed with the family ddpm, which has no prompts: 0.0",
        ),
        (
            "models.uvit.generate_samples.guidance_scale",
            3.0,
            "models.uvit.generate_samples.guidance_scale is 3.0; allowed with the family uvit, which has no prompts: "
            "1.0",
        ),
        (f"{PROMPTED}.generate_samples.guidance_scale", 3.0, None),
        (
            f"{PROMPTED}.train_autoencoder.kind",
            "vq",
            f"{PROMPTED}.train_autoencoder.kind is vq; allowed with the family stable_diffusion of {PROMPTED}: kl",
        ),
        (f"{PROMPTED}.train_base.network.attention_head_dim", [24, 16], None),
        (
            f"{PROMPTED}.train_base.network.attention_head_dim",
            [32, 32, 32],
            f"{PROMPTED}.train_base.network.attention_head_dim is [32, 32, 32]; allowed with the family "
            "stable_diffusion: one number, or one for each of the 2 entries of block_out_channels",
        ),
        (
            "models.ldm.train_base.network.attention_head_dim",
            [32, 32],
            "models.ldm.train_base.network.attention_head_dim is [32, 32]; allowed with the family ldm: one number",
        ),
        (
            f"{PROMPTED}.encode_captions.text_encoder",
            "minilmm",
            f"{PROMPTED}.encode_captions.text_encoder is minilmm, which is no row of text_encoders; did you mean "
            "minilm? known: minilm",
        ),
    ],
)
def test_what_belongs_to_prompts(key, value, told):
    assert line_about(at(key, value)) == (told and f"params.yaml: {told}")
