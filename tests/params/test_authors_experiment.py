"""The experiment of the authors' switches: each row is one of the paper's mode but for the leaf that its page names."""

import re
from pathlib import Path

import pytest

from selfrefine.cost import planned_jobs
from selfrefine.params import job_config, strict_yaml
from selfrefine.params.experiment import read_params

ROOT = Path(__file__).parents[2]
VALUES, ABSENT = read_params(ROOT, "authors")
PAGE = (ROOT / "docs" / "paper_scale.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(\w+)` \| `(\w+)` \| `([\w.]+)` \| `([\w.]+)` \| (\d+|-) \|$", PAGE, re.MULTILINE)
MODE = {"baseline", "forward", "reverse", "both"}  # rows of the paper's mode
PRESETS = {"authors_gd": "both", "authors_uvit": "both", "authors_ldm": "reverse"}
SECTIONS = {"train_refined": "variants", "train_base": "models", "train_highlighter": "highlighters"} | {
    "inpaint_images": "masks"
}


def leaves(stage, row):
    """All leaves of the config of a job of a row, by their names joined with dots; without what names it."""
    names = {"dataset": "fashion_mnist", "model": "improved_ddpm" if stage == "inpaint_images" else "ddpm"}
    names |= {job_config.ROWS[SECTIONS[stage]]: row, "seed": "0"}
    return flat({leaf: value for leaf, value in job_config.job(VALUES, stage, names).items() if leaf != "names"})


def flat(tree, above=""):
    found = {}
    for key, value in tree.items():
        found |= flat(value, f"{above}{key}.") if isinstance(value, dict) else {f"{above}{key}": value}
    return found


def changed(stage, row, other):
    one, two = leaves(stage, row), leaves(stage, other)
    return {leaf: one.get(leaf) for leaf in one | two if one.get(leaf) != two.get(leaf)}


def test_nothing_is_wrong_with_it():
    assert ABSENT == []
    told = re.search(r"(\d+) base\nmodels and (\d+) refinements over three seeds", PAGE)
    planned = [job.stage for job in planned_jobs.of_params(VALUES, ROOT)]
    assert [planned.count("train_base"), planned.count("train_refined")] == list(map(int, told.groups()))
    assert len(VALUES["select"]["seeds"]) == 3


@pytest.mark.parametrize(("row", "other", "leaf", "value", "number"), ROWS)
def test_a_row_differs_from_the_papers_mode_in_the_leaf_it_is_listed_with(row, other, leaf, value, number):
    stage, _, inside = leaf.partition(".")
    assert row in VALUES["select"][SECTIONS[stage]]
    assert changed(stage, row, other) == {inside: strict_yaml.parse(value, leaf)}
    method = (ROOT / "docs" / "method.md").read_text(encoding="utf-8")
    section = method[method.index("\n## 6. ") : method.index("\n## 7. ")]
    assert number == "-" or f"\n| {number} | " in section


@pytest.mark.parametrize("row", [row for row, _, leaf, _, _ in ROWS if leaf.startswith("train_base")])
def test_a_model_of_another_leaf_is_as_the_other_one_in_all_other_stages(row):
    other = next(other for name, other, *_ in ROWS if name == row)
    for stage in ("train_refined", "generate_fakes", "train_highlighter", "generate_samples"):
        one, two = (
            job_config.job(VALUES, stage, {"dataset": "fashion_mnist", "model": model}) | {"names": {}}
            for model in (row, other)
        )
        assert one == two, stage


def test_the_list_has_every_selected_row():
    selected = {row for section in SECTIONS.values() for row in VALUES["select"][section]}
    listed = {row for row, *_ in ROWS}
    assert selected - listed == MODE | {*PRESETS} | {"ddpm", "improved_ddpm", "flaw", "wide", "alternating"}
    assert listed <= selected


@pytest.mark.parametrize(("preset", "other"), PRESETS.items())
def test_a_code_as_it_is_has_no_switch_that_does_not_stand_alone(preset, other):
    alone = {(leaf, value) for _, _, leaf, value, _ in ROWS}
    own = changed("train_refined", preset, other)
    assert len(own) > 1
    for leaf, value in own.items():
        assert (f"train_refined.{leaf}", str(value)) in alone, leaf
