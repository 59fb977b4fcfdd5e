"""The config of a job: which section wins, one JSON, one dataclass."""

import json
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from selfrefine import config
from selfrefine.errors import InputError

PARAMS = {
    "experiment": "tiny",
    "select": {
        "datasets": ["d", "e"],
        "models": ["m", "n"],
        "highlighters": ["flaw"],
        "variants": ["v", "w"],
        "samplings": ["kept"],
        "seeds": [3],
    },
    "shared": {
        "device": "cpu",
        "precision": "float32",
        "map_steps": 5,
        "map_images": 6,
        "n_fakes": 7,
        "reference": "v",
        "map_of": "v",
    },
    "datasets": {
        "d": {
            "title": "D",
            "prepare_data": {"size": 16},
            "train_base": {"horizontal_flip": False, "network": {"channels": 1}},
        },
        "e": {
            "title": "E",
            "prepare_data": {"size": 8},
            "only": {"models": ["m"], "variants": ["v"], "samplings": []},
            "train_base": {"steps": 5},
        },
        "unselected": {"title": "U"},
    },
    "models": {
        "m": {
            "title": "M",
            "train_base": {"network": {"width": 8}},
            "train_refined": {"cycle": 2, "steps": 3},
        },
        "n": {"title": "N", "only": {"variants": ["w"]}, "train_refined": {"steps": 3}},
    },
    "highlighters": {"flaw": {"title": "F"}, "second": {"title": "S", "train_highlighter": {"draw": 1}}},
    "variants": {"v": {"title": "V", "train_refined": {"cycle": 4}}, "w": {"title": "W"}},
    "samplings": {"kept": {"title": "K", "of": "v", "map_of": "w", "generate_samples": {"correction": "keep_map"}}},
    "generate_samples": {"correction": "none"},
    "train_highlighter": {"draw": 0},
    "train_base": {"family": "ddpm", "steps": 7, "network": {"channels": 3, "width": 4, "depth": 2}},
    "train_refined": {"cycle": 1, "levels": [1, 2]},
    "extract_features": {"networks": ["a"]},
}


def test_merge_goes_deep_and_leaves_its_arguments_alone():
    base, over = {"a": {"b": 1, "c": [1, 2]}, "d": 1}, {"a": {"c": [3]}, "d": {"e": 2}}
    assert config.merge(base, over) == {"a": {"b": 1, "c": [3]}, "d": {"e": 2}}
    assert (base, over) == ({"a": {"b": 1, "c": [1, 2]}, "d": 1}, {"a": {"c": [3]}, "d": {"e": 2}})


def test_a_job_reads_its_section_then_the_rows_of_its_wildcards():
    names = {"dataset": "d", "model": "m", "seed": "3"}
    assert config.job(PARAMS, "train_base", names) == {
        "device": "cpu",
        "precision": "float32",
        "family": "ddpm",
        "steps": 7,
        "horizontal_flip": False,
        "network": {"channels": 1, "width": 8, "depth": 2},
        "names": names,
    }


@pytest.mark.parametrize(("variant", "cycle"), [("v", 4), ("w", 2), (config.FORK, 2)])
def test_a_variants_row_wins_over_its_models_and_the_fork_has_none(variant, cycle):
    names = {"dataset": "d", "model": "m", "variant": variant, "seed": "3"}
    assert config.job(PARAMS, "train_refined", names)["cycle"] == cycle


def test_shared_leaves_go_to_their_readers_only():
    assert config.job(PARAMS, "prepare_data", {"dataset": "d"}) == {"size": 16, "names": {"dataset": "d"}}
    assert config.job(PARAMS, "train_highlighter", {"highlighter": "flaw"}) == {
        "device": "cpu",
        "precision": "float32",
        "n_fakes": 7,
        "draw": 0,
        "names": {"highlighter": "flaw"},
    }


def test_a_sampling_has_a_row_of_its_own_in_the_place_of_a_variants():
    names = {"dataset": "d", "model": "m", "seed": "3"}
    corrections = [
        config.job(PARAMS, "generate_samples", names | {"variant": name})["correction"]
        for name in ("v", "kept", "fork")
    ]
    assert corrections == ["none", "keep_map", "none"]


def test_a_highlighters_row_wins():
    draws = [config.job(PARAMS, "train_highlighter", {"highlighter": name})["draw"] for name in ("flaw", "second")]
    assert draws == [0, 1]


@pytest.mark.parametrize(
    ("dataset", "model", "variants", "samplings"),
    [("d", "m", ["v", "w"], ["kept"]), ("e", "m", ["v"], []), ("d", "n", ["w"], ["kept"])],
)
def test_what_is_selected_on_a_data_set_with_a_model_reaches_the_stages_that_compare_it(
    dataset, model, variants, samplings
):
    job = config.job(PARAMS, "evaluate_generation", {"dataset": dataset, "model": model, "seed": "3"})
    assert (job["variants"], job["samplings"]) == (variants, samplings)
    assert config.job(PARAMS, "evaluate_maps", {"dataset": dataset})["highlighters"] == ["flaw"]


def test_tables_read_what_is_selected_and_its_words():
    tables = config.job(PARAMS, "make_tables", {})
    assert tables["experiment"] == "tiny"
    assert tables["select"] == PARAMS["select"]
    everything = {"highlighters": ["flaw"], "variants": ["v", "w"], "samplings": ["kept"], "masks": []}
    narrowed = {"highlighters": ["flaw"], "variants": ["w"], "samplings": ["kept"], "masks": []}
    assert tables["rows"] == {
        "datasets": {
            "d": {
                "title": "D",
                "main_model": "m",
                "size": 16,
                "models": {
                    "m": everything | {"steps": [7, 3], "prompted": False},
                    "n": narrowed | {"steps": [7, 3], "prompted": False},
                },
            },
            "e": {
                "title": "E",
                "main_model": "m",
                "size": 8,
                "models": {"m": everything | {"variants": ["v"], "samplings": [], "steps": [5, 3], "prompted": False}},
            },
        },
        "models": {"m": {"title": "M", "home": "d"}, "n": {"title": "N", "home": "d"}},
        "highlighters": {"flaw": {"title": "F"}},
        "variants": {"v": {"title": "V"}, "w": {"title": "W"}},
        "samplings": {"kept": {"title": "K", "of": "v", "map_of": "w", "correction": "keep_map"}},
    }


def test_only_what_is_made_from_captions_is_held_against_them():
    prompted = {
        "models": {"m": {"train_base": {"family": "stable_diffusion"}}},
        "evaluate_prompts": {"clip_folder": ""},
    }
    params = config.merge(PARAMS, prompted)
    stages = ("train_classifier", "evaluate_prompts")
    for model, expected in (("m", [True, True]), ("n", [False, False])):
        assert [config.is_evaluated(params, stage, "d", model) for stage in stages] == expected
    by_clip = config.merge(params, {"evaluate_prompts": {"clip_folder": "downloads/clip"}})
    assert [config.is_evaluated(by_clip, stage, "d", "m") for stage in stages] == [False, True]


def test_equal_configs_are_equal_texts():
    assert config.to_json({"b": 1, "a": {"d": [1.5, True], "c": None}}) == '{"a":{"c":null,"d":[1.5,true]},"b":1}'


@dataclass(frozen=True)
class Config:
    names: dict[str, str]
    steps: int
    rate: float
    flip: bool
    folder: str
    mode: Literal["none", "xt"]
    widths: tuple[int, ...]
    pairs: tuple[tuple[str, ...], ...]
    network: dict[str, Any] = field(default_factory=dict)


VALUES = {
    "names": {"seed": "0"},
    "steps": 3,
    "rate": 0.5,
    "flip": True,
    "folder": "x",
    "mode": "xt",
    "widths": [1, 2],
    "pairs": [["a", "b"]],
    "network": {"depth": 1},
}


def test_json_becomes_the_dataclass_and_back():
    built = config.from_json(Config, json.dumps(VALUES))
    assert built == Config({"seed": "0"}, 3, 0.5, True, "x", "xt", (1, 2), (("a", "b"),), {"depth": 1})
    assert json.loads(config.to_json(built)) == VALUES


def test_a_whole_number_may_stand_for_a_float():
    rate = config.from_json(Config, json.dumps(VALUES | {"rate": 1})).rate
    assert (rate, type(rate)) == (1.0, float)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"steps": 3.0}, "steps is 3.0 (float); int needed"),
        ({"steps": True}, "steps is True (bool); int needed"),
        ({"rate": "0.5"}, "rate is '0.5' (str); float needed"),
        ({"rate": True}, "rate is True (bool); float needed"),
        ({"flip": 1}, "flip is 1 (int); bool needed"),
        ({"folder": None}, "folder is None (NoneType); str needed"),
        ({"mode": "x0"}, "mode is 'x0'; allowed: none, xt"),
        ({"widths": 1}, "widths is 1 (int); tuple needed"),
        ({"widths": [1, "2"]}, "widths is '2' (str); int needed"),
        ({"network": []}, "network is [] (list); dict needed"),
    ],
)
def test_a_value_of_another_type_is_refused(changed, told):
    with pytest.raises(InputError) as refused:
        config.from_json(Config, json.dumps(VALUES | changed))
    assert str(refused.value) == f"params.yaml: {told}"


def test_missing_and_unread_leaves_are_refused():
    with pytest.raises(InputError, match=r"^params.yaml: extra is not read by this stage; known here: flip, "):
        config.from_json(Config, json.dumps(VALUES | {"extra": 1}))
    with pytest.raises(InputError, match=r"^params.yaml: steps is missing; known here: flip, "):
        config.from_json(Config, json.dumps({key: value for key, value in VALUES.items() if key != "steps"}))


@dataclass(frozen=True)
class Other:
    names: dict[str, str]
    folder: str
    share: float


def test_of_two_dataclasses_the_nearer_one_is_built_or_told_about():
    given = {"names": {}, "folder": "x", "share": 0.5}
    assert config.from_json(Config | Other, json.dumps(given)) == Other({}, "x", 0.5)
    assert isinstance(config.from_json(Config | Other, json.dumps(VALUES)), Config)
    with pytest.raises(InputError, match=r"pad is not read by this stage; known here: folder, names, share$"):
        config.from_json(Config | Other, json.dumps(given | {"pad": 2}))


def test_a_data_set_shows_the_first_model_or_what_is_in_its_place():
    models = {"first": {}, "small": {"in_place_of": "first"}, "other": {}}
    only = {"a": None, "b": ["small", "other"], "c": ["other"], "d": ["first", "small"]}
    params = {
        "select": {"models": ["first", "small", "other"]},
        "models": models,
        "datasets": {name: {"only": {"models": chosen}} if chosen else {} for name, chosen in only.items()},
    }
    assert {name: config.main_model(params, name) for name in only} == {
        "a": "first",
        "b": "small",
        "c": None,
        "d": "first",
    }
