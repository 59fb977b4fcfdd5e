"""Bad params end in one line that names file, key, value, what is allowed and the nearest known name."""

import copy
import json
import math
import shutil
from typing import get_args

import pytest
from jsonschema import Draft202012Validator

from selfrefine.data import idx_sets, image_decoding
from selfrefine.diffusion import forward_process, samplers
from selfrefine.guidance import attention_modulation, control_maps, untrained_controls
from selfrefine.highlighter import gradcam
from selfrefine.metrics import features
from selfrefine.params import check, job_config, strict_yaml
from selfrefine.params.words import dotted
from tests.support.wrong_params import ROOT, at, line_about, project_params

SCHEMA = strict_yaml.read(ROOT / check.SCHEMA)


def without(key):
    """The params without one leaf or section."""
    tree = copy.deepcopy(project_params())
    *sections, last = key.split(".")
    below = tree
    for section in sections:
        below = below[section]
    del below[last]
    return tree


@pytest.mark.parametrize("path", sorted((ROOT / "experiments").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_experiment_is_right(path):
    told = check.check(project_params(path.stem), ROOT)
    assert told is None or "which is no folder; put your images there" in told


@pytest.mark.parametrize(
    ("leaf", "weights", "settings"),
    [
        ("models.ddpm.train_base.pretrained", "diffusion_pytorch_model.safetensors", {}),
        (
            "models.ldm.train_autoencoder.folder",
            "diffusion_pytorch_model.safetensors",
            {"_class_name": "VQModel", "in_channels": 1, "out_channels": 1},
        ),
        ("evaluate_prompts.clip_folder", "model.safetensors", {"model_type": "clip"}),
    ],
)
def test_a_network_that_is_named_is_there(leaf, weights, settings, tmp_path):
    given = at(leaf, str(tmp_path / "given"))
    told = f'params.yaml: {leaf} is {tmp_path / "given"}, which has no {{}}; put the network there, or make it ""'
    assert line_about(given) == told.format("config.json")
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "config.json").write_text(json.dumps(settings))
    (tmp_path / "given" / "preprocessor_config.json").write_text("{}")
    assert line_about(given) == told.format(weights)
    (tmp_path / "given" / weights).touch()
    assert line_about(given) is None


def test_networks_of_what_is_not_selected_may_be_missing():
    assert line_about(at("evaluate_prompts.clip_folder", "nowhere") | {"select": {"models": ["ddpm"]}}) is None


NAME = "^[a-z][a-z0-9_]{0,63}$"


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("train_base.batch_size", 0, "is 0; allowed: a whole number, at least 1, at most 65536"),
        ("train_base.batch_size", 1.5, "is 1.5; allowed: a whole number, at least 1, at most 65536"),
        ("train_base.learning_rate", "1e-4", 'is "1e-4"; allowed: a number, more than 0, at most 1'),
        ("train_base.learning_rate", True, "is true; allowed: a number, more than 0, at most 1"),
        ("train_base.ema_decay", 1, "is 1; allowed: a number, at least 0, less than 1"),
        ("train_base", None, "is null; allowed: a mapping"),
        ("shared.device", "cudda", 'is "cudda"; did you mean cuda? known: auto, cpu, cuda, mps'),
        ("shared.device", 0, "is 0; known: auto, cpu, cuda, mps"),
        (
            "train_highlighter.input_size",
            50,
            "is 50; allowed: a whole number, at least 32, at most 1024, a multiple of 32",
        ),
        ("train_highlighter.shortcut_guard", "yes", 'is "yes"; allowed: true or false'),
        ("select.seeds", [], "is []; allowed: a list, with 1 or more entries"),
        ("select.variants", ["both", "both"], 'is ["both", "both"]; allowed: no entry twice'),
        ("experiment", False, f"is false; allowed: a text, matching {NAME}"),
        ("variants.New", {"title": "x"}, f"is no name; allowed: small letters, digits and _, as in {NAME}"),
        ("sources.fashion_mnist.fetch_data.folder", "", 'is ""; allowed: a text, not empty, matching ^[^-{}][^{}]*$'),
        ("train_base.pretrained", "-x", 'is "-x"; allowed: a text, matching ^([^-{}][^{}]*)?$'),
        ("train_bse", {"steps": 1}, "is not known; did you mean train_base? known: experiment, select, "),
        ("train_base.batchsize", 1, "is not known; did you mean batch_size? known: family, "),
        ("variants.both.train_base", {}, "is not known; did you mean train_refined? known: title, train_refined"),
        ("models.ddpm.train_base.network.droput", 0, "is not known; did you mean dropout? known: channels, "),
        (
            "train_highlighter.input_size",
            48,
            "is 48; allowed: a whole number, at least 32, at most 1024, a multiple of 32",
        ),
        ("train_base.batch_size", 64.0, "is 64.0; allowed: a whole number, at least 1, at most 65536"),
        ("models.ddpm.train_base.network.channels", 1.0, "is 1.0; known: 1, 3"),
        (
            "models.ddpm.train_base.network.attention_head_dim",
            "32",
            'is "32"; allowed: a whole number or a list, at least ',
        ),
        ("make_tables.equivalence_margin", math.nan, "is nan; allowed: a finite number"),
        ("train_base.betas", [0.9, math.inf], "is inf; allowed: a finite number"),
        ("datasets.a\n", {"title": "x"}, "is no name; allowed: a text of one line"),
        ("variants.both.title", "a\ud800", 'is "a\\ud800"; allowed: a text of one line, at most 1000 characters'),
        ("variants.both.title", "x" * 300, f'is "{"x" * 96}...; allowed: a text, not empty, at most 200 characters'),
        (f"variants.{'x' * 300}", {"title": "x"}, f"is no name; allowed: small letters, digits and _, as in {NAME}"),
        ("train_base.steps", 10**400, f"is 1{'0' * 96}...; allowed: a whole number, at least 1, at most 100000000"),
        (
            "datasets.fashion_mnist.prepare_data.captions",
            ["{label} {colour}"],
            'is "{label} {colour}"; allowed: a text, matching ',
        ),
        ("make_tables.unrelated", 0, "is not known; known: primary_network, equivalence_margin, "),
    ],
)
def test_what_the_schema_does_not_allow(key, value, told):
    line = line_about(at(key, value))
    places = [dotted(key.split(".")), *(f"{dotted(key.split('.'))}.{entry}" for entry in range(2))]
    assert line.startswith(tuple(f"params.yaml: {place} {told}" for place in places))
    assert line.endswith(told) or told.endswith((", ", " "))


def test_an_entry_of_a_list_is_told_by_its_number():
    line = line_about({"select": {"seeds": [0, -1]}})
    assert line == "params.yaml: select.seeds.1 is -1; allowed: a whole number, at least 0, at most 4294967295"


def test_an_unknown_name_is_told_before_the_values_that_it_leaves_missing():
    tree = without("train_base.batch_size")
    tree["train_base"]["batch_sise"] = 0
    tree["shared"]["device"] = "tpu"
    assert "train_base.batch_sise is not known; did you mean batch_size?" in check.check(tree, ROOT)


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ([("--config", {"train_base": {"steps": 0}})], "--config"),
        ([("my.yaml", {"train_base": {"steps": 0}}), ("--config", {"train_base": {"batch_size": 2}})], "my.yaml"),
        ([("my.yaml", {"train_base": {"steps": 1}}), ("--config", {"train_base": {"steps": 0}})], "--config"),
        ([("--config", {"train_base": 3})], "--config"),
        ([("--config", {"train_refined": {"steps": 3}})], "params.yaml"),
    ],
)
def test_what_a_command_was_given_is_named_where_it_is_wrong(given, place):
    params = job_config.merge(project_params(), at("train_base.steps", 0))
    for _, layer in given:
        params = job_config.merge(params, layer)
    assert check.check(params, ROOT, given).startswith(f"{place}: train_base")


ROWS_OF_A_RUN = "datasets.fashion_mnist and models.ddpm"


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("shared", "shared is missing"),
        ("shared.precision", "shared.precision is missing"),
        ("variants.both.title", "variants.both.title is missing"),
        ("train_base", f"train_base.steps is missing; looked for in the section train_base and {ROWS_OF_A_RUN}"),
        ("make_figures", "make_figures.n_images is missing; looked for in the section make_figures"),
        (
            "datasets.fashion_mnist.prepare_data.size",
            "prepare_data.size is missing; looked for in the section prepare_data and datasets.fashion_mnist",
        ),
        (
            "models.ddpm.train_base.network.dropout",
            "models.ddpm.train_base.network.dropout is missing; block_out_channels needs it beside it",
        ),
        (
            "variants.both.train_refined",
            f"train_refined.forward is missing; looked for in the section train_refined and {ROWS_OF_A_RUN} and "
            "variants.both",
        ),
    ],
)
def test_every_leaf_must_be_given_somewhere(key, told):
    assert check.check(without(key), ROOT) == f"params.yaml: {told}"


def test_the_overlay_is_named_where_it_holds_the_value(tmp_path):
    for path in (check.PARAMS, check.SCHEMA, check.overlay("smoke")):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    overlay = tmp_path / check.overlay("smoke")
    overlay.write_text(overlay.read_text().replace("chunk_size: 32", "chunk_size: 0", 1))
    base = strict_yaml.read(tmp_path / check.PARAMS)
    tree = job_config.merge(base, strict_yaml.read(overlay) | {"experiment": "smoke"})
    assert check.check(tree, tmp_path).startswith("experiments/smoke.yaml: generate_fakes.chunk_size is 0; allowed: ")
    tree["generate_fakes"]["chunk_size"] = 32
    tree["shared"]["device"] = "tpu"
    assert check.check(tree, tmp_path).startswith('params.yaml: shared.device is "tpu"; ')


def leaves(section, name):
    """The schemas of all leaves of a section, by name."""
    for key, below in section["properties"].items():
        if "properties" in below:
            yield from leaves(below, f"{name}.{key}")
        else:
            yield f"{name}.{key}", below


def test_the_schema_is_one():
    Draft202012Validator.check_schema(SCHEMA)


def test_every_leaf_of_a_stage_is_described_and_every_number_has_a_range():
    stages = {name: below for name, below in SCHEMA["$defs"].items() if "properties" in below}
    described = [leaf for stage, section in stages.items() for leaf in leaves(section, stage)]
    assert len(described) > 50
    for name, leaf in described:
        assert "description" in leaf, name
        assert "default" not in leaf, name
        if leaf.get("type") in ("integer", "number"):
            assert {"minimum", "exclusiveMinimum"} & leaf.keys(), name
            assert {"maximum", "exclusiveMaximum"} & leaf.keys(), name


def test_no_mapping_takes_unknown_names():
    def mappings(schema):
        if isinstance(schema, dict):
            if schema.get("type") == "object":
                yield schema
            for below in schema.values():
                yield from mappings(below)

    found = list(mappings(SCHEMA))
    assert len(found) > 15
    assert all(schema["additionalProperties"] is False for schema in found)


def enum(stage, leaf):
    schema = SCHEMA["$defs"][stage]["properties"][leaf]
    return set(schema.get("enum") or schema["items"]["enum"])


def test_choices_are_those_of_the_code():
    assert enum("train_refined", "forward") == set(get_args(forward_process.ForwardProcess))
    assert enum("train_refined", "reverse") == set(get_args(attention_modulation.ReverseProcess))
    assert enum("train_refined", "projection") == set(get_args(attention_modulation.Projection))
    assert enum("train_refined", "layers") == set(get_args(attention_modulation.Layers))
    assert enum("train_refined", "map") == set(get_args(control_maps.GuidanceMap))
    assert enum("train_refined", "cam_target") == set(get_args(gradcam.CamTarget))
    assert enum("train_refined", "cam_tap") == set(get_args(gradcam.CamTap))
    assert enum("train_refined", "cam_preparation") == set(get_args(gradcam.CamPreparation))
    assert enum("generate_samples", "sampler") == set(get_args(samplers.Sampler))
    assert enum("generate_samples", "correction") == set(get_args(untrained_controls.Correction))
    modules = {path.stem for path in (ROOT / "src/selfrefine/networks").glob("*.py")}
    assert enum("train_base", "family") == modules - {"__init__"}
    assert enum("extract_features", "networks") == set(features.NETWORKS)
    assert enum("make_tables", "primary_network") == set(features.NETWORKS)
    assert enum("prepare_data", "classes") == {name for source in idx_sets.SOURCES.values() for name in source.classes}
    assert enum("prepare_data", "background") == set(image_decoding.BACKGROUNDS)
