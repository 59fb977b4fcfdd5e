"""Sizes, numbers and switches that must fit each other, across the sections of the params."""

import pytest

from selfrefine import config, params
from tests.test_params import ROOT, at, line_about, project_params
from tests.test_references import HIGHLIGHTER_STEPS, NETWORK, SAMPLES


def sampled(of, correction="none", map_of=None, name="x"):
    """A selected row of samplings."""
    row = {"title": "X", "of": of, "generate_samples": {"correction": correction}}
    row |= {"map_of": map_of} if map_of else {}
    return {"select": {"samplings": [name]}, "samplings": {name: row}}


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
        (sampled("both", map_of="both"), "samplings.x.map_of belongs to rows with a correction; delete it here"),
        (
            config.merge(sampled("both"), {"select": {"samplings": ["x", "both_ancestral"]}}),
            "select.samplings has x and both_ancestral, two other samplers of both; delete one",
        ),
        (at("samplings.both_ancestral.generate_samples.steps", 1001), None),  # not selected
        (
            config.merge(sampled("both"), at("samplings.x.generate_samples.steps", 1001)),
            "samplings.x.generate_samples.steps is 1001; allowed: at most models.ddpm.train_base.diffusion.timesteps",
        ),
        (
            at("evaluate_maps.n_images", 127),
            "evaluate_maps.n_images is 127; allowed: at least twice shared.map_images, which is 64: two mFAMs are ",
        ),
        (
            at("evaluate_highlighter.n_planted", 60001),
            "evaluate_highlighter.n_planted is 60001; allowed: at most datasets.fashion_mnist.prepare_data.max_images",
        ),
    ],
)
def test_rows_and_numbers_that_cannot_be_measured(changed, line):
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
    assert params.check(tree, ROOT) is None


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
        "train_base": {"warmup_steps": 200},
        "generate_samples": {"n_images": SAMPLES, "steps": 1000},
        "train_highlighter": {"validate_every": HIGHLIGHTER_STEPS},
        "datasets": {"fashion_mnist_shoes": {"prepare_data": {"max_images": SAMPLES}}},
        "evaluate_maps": {"n_images": 128},
    }
    assert params.check(config.merge(project_params(), at_limits), ROOT) is None
