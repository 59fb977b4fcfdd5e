"""Layers of params: which file or option wins, and which one is told."""

import shutil

import pytest

from selfrefine.core.errors import InputError
from selfrefine.params import check, experiment, strict_yaml
from tests.support.wrong_params import ROOT


@pytest.fixture
def project(tmp_path):
    """Params and overlays of a project."""
    shutil.copytree(ROOT / "experiments", tmp_path / "experiments")
    shutil.copy(ROOT / check.PARAMS, tmp_path)
    (tmp_path / "workflow" / "schemas").mkdir(parents=True)
    shutil.copy(ROOT / check.SCHEMA, tmp_path / check.SCHEMA)
    return tmp_path


def test_later_layers_win_and_the_last_one_names_the_overlay(project):
    steps = experiment.laid_over(project)["train_base"]["steps"]
    assert experiment.laid_over(project, [("a", {"experiment": "smoke"})])["train_base"]["steps"] != steps
    given = [("a", {"experiment": "small", "train_base": {"steps": 3}}), ("b", {"experiment": "smoke"})]
    values = experiment.laid_over(project, [*given, ("c", {"train_base": {"steps": 4}})])
    assert (values["experiment"], values["train_base"]["steps"]) == ("smoke", 4)
    assert experiment.laid_over(project, given)["train_base"]["steps"] == 3


def test_an_overlay_that_names_an_experiment_is_refused(project):
    (project / "experiments" / "mine.yaml").write_text("experiment: embedded\n")
    with pytest.raises(InputError, match=r"^experiments/mine.yaml: experiment is embedded; delete it"):
        experiment.laid_over(project, [("--config", {"experiment": "mine"})])
    with pytest.raises(InputError, match="delete it"):
        experiment.read_params(project, "mine")


def test_a_leaf_that_the_overlay_sets_is_told_when_it_changes_in_params_yaml(project):
    path = project / check.PARAMS
    path.write_text(path.read_text().replace("experiment: embedded", "experiment: smoke"))
    before = strict_yaml.read(path)
    assert experiment.overruled(before, project) == []
    changed = path.read_text().replace("  steps: 100  # of the refinement", "  steps: 10  # of the refinement")
    path.write_text(changed.replace("minimum_seeds: 3", "minimum_seeds: 5"))  # the second is no leaf of the overlay
    assert experiment.overruled(before, project) == [
        "params.yaml: train_refined.steps is 10 now, to no effect: experiments/smoke.yaml sets it to 4; change it "
        "there, with DVC by -S experiments/smoke.yaml:train_refined.steps=10"
    ]


@pytest.mark.parametrize("name", ["smok", "../smoke", "$(touch X)", "a\nb", "", "x" * 300, 3, None, ["smoke"], 1.5])
def test_an_experiment_that_is_no_file_is_told_with_where_it_stands(name, project):
    with pytest.raises(InputError) as refused:
        experiment.laid_over(project, [("--config", {"experiment": name})])
    line = str(refused.value)
    assert line.startswith("--config: experiment ")
    assert "is no file of experiments/" in line
    assert line.isprintable()
    assert len(line) < 300


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (["experiment=smoke"], {"experiment": "smoke"}),
        (["train_refined={cycle: 3, gamma: 1e-3}"], {"train_refined": {"cycle": 3, "gamma": 0.001}}),
        (
            ["select={variants: [baseline, both], seeds: [0, 1]}"],
            {"select": {"variants": ["baseline", "both"], "seeds": [0, 1]}},
        ),
        (["shared={n_fakes: 64}", "shared={map_of: reverse}"], {"shared": {"n_fakes": 64, "map_of": "reverse"}}),
        (["shared={map_of: '3'}", "x=a=b"], {"shared": {"map_of": "3"}, "x": "a=b"}),
        (["x="], {"x": None}),
        ([], {}),
    ],
)
def test_nested_values_of_the_command_line_keep_their_types(words, values):
    assert experiment.given_words(words) == values


@pytest.mark.parametrize(
    ("word", "told"),
    [
        (
            "train_refined.cycle=3",
            "--config: train_refined.cycle is no name; write --config 'train_refined={cycle: 3}'",
        ),
        ("a.b.c=x", "--config: a.b.c is no name; write --config 'a={b: {c: x}}'"),
        ("shared={n_fakes: 64", "--config: shared, line 2: not YAML: did not find expected ',' or '}'"),
        ("shared={device: no}", "--config: shared, line 1: no reads differently in YAML 1.1 (Snakemake) and YAML 1.2 "),
        ("x=!!float nan", "--config: x, line 1: tag:yaml.org,2002:float is a tag; "),
        ("x={__use_yte__: true}", "--config: x, line 1: __use_yte__ would make Snakemake run what stands here"),
    ],
)
def test_what_the_command_line_cannot_say_is_told_with_how_to_say_it(word, told):
    with pytest.raises(InputError) as refused:
        experiment.given_words([word])
    assert str(refused.value).startswith(told)


@pytest.mark.parametrize("line", ["datasets: 3", "select: {datasets: {a: 1}}", "train_base: []", "models: {ddpm: 3}"])
def test_broken_params_are_refused_by_every_command_in_one_line(line, project):
    (project / "experiments" / "mine.yaml").write_text(f"{line}\n")
    with pytest.raises(InputError, match=r"^experiments/mine.yaml: ") as refused:
        experiment.read_params(project, "mine")
    assert str(refused.value).isprintable()
