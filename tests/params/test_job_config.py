"""The config of a job: which section wins, one JSON, one dataclass."""

import pytest

from selfrefine.core.names import FORK
from selfrefine.params import job_config, model_kinds

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
        "threads": 2,
        "precision": "float32",
        "channels_last": "auto",
        "compile": False,
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
    "generate_samples": {"correction": "none", "steps": 10, "guidance_scale": 1.0},
    "train_highlighter": {"draw": 0},
    "train_base": {"family": "ddpm", "steps": 7, "network": {"channels": 3, "width": 4, "depth": 2}},
    "train_refined": {"cycle": 1, "levels": [1, 2], "extra_steps": 0.0},
    "extract_features": {"networks": ["a"]},
}


def test_merge_goes_deep_and_leaves_its_arguments_alone():
    base, over = {"a": {"b": 1, "c": [1, 2]}, "d": 1}, {"a": {"c": [3]}, "d": {"e": 2}}
    assert job_config.merge(base, over) == {"a": {"b": 1, "c": [3]}, "d": {"e": 2}}
    assert (base, over) == ({"a": {"b": 1, "c": [1, 2]}, "d": 1}, {"a": {"c": [3]}, "d": {"e": 2}})


def test_a_job_reads_its_section_then_the_rows_of_its_wildcards():
    names = {"dataset": "d", "model": "m", "seed": "3"}
    assert job_config.job(PARAMS, "train_base", names) == {
        "device": "cpu",
        "threads": 2,
        "precision": "float32",
        "channels_last": "auto",
        "compile": False,
        "family": "ddpm",
        "steps": 7,
        "horizontal_flip": False,
        "network": {"channels": 1, "width": 8, "depth": 2},
        "names": names,
    }


@pytest.mark.parametrize(("variant", "cycle"), [("v", 4), ("w", 2), (FORK, 2)])
def test_a_variants_row_wins_over_its_models_and_the_fork_has_none(variant, cycle):
    names = {"dataset": "d", "model": "m", "variant": variant, "seed": "3"}
    assert job_config.job(PARAMS, "train_refined", names)["cycle"] == cycle


def test_shared_leaves_go_to_their_readers_only():
    assert job_config.job(PARAMS, "prepare_data", {"dataset": "d"}) == {"size": 16, "names": {"dataset": "d"}}
    assert job_config.job(PARAMS, "train_highlighter", {"highlighter": "flaw"}) == {
        "device": "cpu",
        "threads": 2,
        "precision": "float32",
        "n_fakes": 7,
        "draw": 0,
        "names": {"highlighter": "flaw"},
    }


def test_a_sampling_has_a_row_of_its_own_in_the_place_of_a_variants():
    names = {"dataset": "d", "model": "m", "seed": "3"}
    corrections = [
        job_config.job(PARAMS, "generate_samples", names | {"variant": name})["correction"]
        for name in ("v", "kept", "fork")
    ]
    assert corrections == ["none", "keep_map", "none"]


def test_a_highlighters_row_wins():
    draws = [job_config.job(PARAMS, "train_highlighter", {"highlighter": name})["draw"] for name in ("flaw", "second")]
    assert draws == [0, 1]


@pytest.mark.parametrize(
    ("dataset", "model", "variants", "samplings"),
    [("d", "m", ["v", "w"], ["kept"]), ("e", "m", ["v"], []), ("d", "n", ["w"], ["kept"])],
)
def test_what_is_selected_on_a_data_set_with_a_model_reaches_the_stages_that_compare_it(
    dataset, model, variants, samplings
):
    names = {"dataset": dataset, "model": model, "seed": "3"}
    job = job_config.job(PARAMS, "evaluate_generation", names)
    assert (job["variants"], job["samplings"]) == (variants, samplings)
    assert job_config.job(PARAMS, "evaluate_maps", names)["highlighters"] == ["flaw"]


def test_photographs_know_nothing_of_what_is_selected():
    """They are of no seed, and measured once, whatever is compared with them."""
    real = job_config.job(PARAMS, "extract_features", {"dataset": "d", "model": "m"})
    assert (real["variants"], real["samplings"]) == ([], [])


def test_a_data_set_that_no_selected_model_runs_on_does_not_run():
    narrow = job_config.merge(PARAMS, {"select": {"models": ["n"]}})
    assert [job_config.selected(params, "datasets") for params in (PARAMS, narrow)] == [["d", "e"], ["d"]]
    assert job_config.job(narrow, "make_tables", {})["select"]["datasets"] == ["d"]


def test_tables_read_what_is_selected_and_its_words():
    tables = job_config.job(PARAMS, "make_tables", {})
    assert tables["experiment"] == "tiny"
    assert tables["select"] == PARAMS["select"]
    everything = {"highlighters": ["flaw"], "variants": ["v", "w"], "samplings": ["kept"], "masks": []}
    narrowed = {"highlighters": ["flaw"], "variants": ["w"], "samplings": ["kept"], "masks": []}
    costs = {"fork": [7, 10], "v": [10, 10], "w": [10, 10], "kept": [10, 10]}  # updates, evaluations an image
    narrowed_costs = {"fork": [7, 10], "w": [10, 10], "kept": [10, 10]}
    assert tables["rows"] == {
        "datasets": {
            "d": {
                "title": "D",
                "main_model": "m",
                "size": 16,
                "models": {
                    "m": everything | {"steps": [7, 3], "prompted": False, "costs": costs},
                    "n": narrowed | {"steps": [7, 3], "prompted": False, "costs": narrowed_costs},
                },
            },
            "e": {
                "title": "E",
                "main_model": "m",
                "size": 8,
                "models": {
                    "m": everything
                    | {"variants": ["v"], "samplings": [], "steps": [5, 3], "prompted": False}
                    | {"costs": {"fork": [5, 10], "v": [8, 10]}}
                },
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
    params = job_config.merge(PARAMS, prompted)
    stages = ("train_classifier", "evaluate_prompts")
    for model, expected in (("m", [True, True]), ("n", [False, False])):
        assert [model_kinds.is_evaluated(params, stage, "d", model) for stage in stages] == expected
    by_clip = job_config.merge(params, {"evaluate_prompts": {"clip_folder": "downloads/clip"}})
    assert [model_kinds.is_evaluated(by_clip, stage, "d", "m") for stage in stages] == [False, True]


def test_a_data_set_shows_the_first_model_or_what_is_in_its_place():
    models = {"first": {}, "small": {"in_place_of": "first"}, "other": {}}
    only = {"a": None, "b": ["small", "other"], "c": ["other"], "d": ["first", "small"]}
    params = {
        "select": {"models": ["first", "small", "other"]},
        "models": models,
        "datasets": {name: {"only": {"models": chosen}} if chosen else {} for name, chosen in only.items()},
    }
    assert {name: job_config.main_model(params, name) for name in only} == {
        "a": "first",
        "b": "small",
        "c": None,
        "d": "first",
    }
