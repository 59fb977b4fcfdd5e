"""A study's folder: what participants may see is apart from what the page must not tell."""

import json

import numpy as np
import pytest
from PIL import Image

from selfrefine.core import files
from selfrefine.core.errors import InputError
from selfrefine.study import folder
from selfrefine.study.folder import KeyTrial, Practice, Trial
from tests.support import tiny_study


@pytest.fixture
def made(tmp_path):
    folder.write(tmp_path / "study", tiny_study.study(), tiny_study.PAGE)
    return tmp_path / "study"


def test_it_is_read_as_it_was_written(made):
    key, maps = folder.read_key(made), folder.read_maps(made)
    assert key.study == folder.read_public(made)["study"]
    assert key.trials["t03"] == KeyTrial("catch", 2, None, (5,))
    assert key.trials["t05"] == KeyTrial("repeat", 4, "t01", None)
    assert maps["trials"].tolist() == ["t01", "t04"]
    assert np.array_equal(maps["flaw"], tiny_study.study().maps["flaw"])
    assert np.array_equal(Image.open(made / "public/images/t02.png"), tiny_study.image(2))
    files.check_folder(made)


def test_the_page_is_not_told_what_a_trial_is(made):
    """Nor by the order of what it is told: each trial has the same fields."""
    told = folder.read_public(made)
    assert {*map(tuple, told["trials"])} == {("block", "id", "image")}
    for path in (made / "public").rglob("*"):
        if path.suffix in (".json", ".html"):
            assert not [kind for kind in ("catch", "repeat", "generated") if kind in path.read_text()]


def test_an_image_and_its_repeat_are_in_different_blocks(made):
    blocks = {trial["id"]: trial["block"] for trial in folder.read_public(made)["trials"]}
    assert (blocks["t01"], blocks["t05"]) == (1, 2)
    assert [*blocks.values()].count(1) - [*blocks.values()].count(2) in (-1, 0, 1)


def test_the_same_study_is_the_same_bytes_and_another_has_another_id(made, tmp_path):
    folder.write(tmp_path / "again", tiny_study.study(), tiny_study.PAGE)
    assert files.sha256(made) == files.sha256(tmp_path / "again")
    changed = {
        "title": {"title": "Faces"},
        "consent": {"consent": "<h1>Yes</h1>"},
        "kind": {
            "trials": tuple(t if t.id != "t02" else Trial("t02", t.image, "real", 1) for t in tiny_study.study().trials)
        },
        "image": {"practice": (Practice(tiny_study.image(1), (5,)),)},
    }
    ids = {folder.read_public(made)["study"]}
    for name, change in changed.items():
        ids.add(tiny_study.write(tmp_path / name, **change).study)
    assert len(ids) == 5
    other_maps = tiny_study.write(tmp_path / "maps", maps={"edge": np.ones((2, 4, 4))})
    assert other_maps.study in ids


def test_a_laboratorys_own_text_is_shown_with_its_contact(tmp_path):
    consent = "<h1>{title}</h1><p>Ask {contact}. {unknown}</p>"
    tiny_study.write(tmp_path / "study", consent=consent, title="A & B", contact="<lab>")
    text = (tmp_path / "study/public/consent.html").read_text()
    assert text == "<h1>A &amp; B</h1><p>Ask &lt;lab&gt;. {unknown}</p>"


WRONG = {
    "no trials": ({"trials": ()}, "one or more"),
    "an id twice": ({"trials": tiny_study.study().trials[:1] * 2}, "no two equal"),
    "an id that is a path": ({"trials": (Trial("../t", tiny_study.image(1), "real", 0),), "maps": {}}, "letters"),
    "another kind": ({"trials": (Trial("t", tiny_study.image(1), "fake", 0),), "maps": {}}, "allowed: generated"),
    "a repeat of nothing": ({"trials": (Trial("t", tiny_study.image(1), "repeat", 0),), "maps": {}}, "repeats None"),
    "a flaw outside": ({"practice": (Practice(tiny_study.image(1), (16,)),)}, "cells are 0 to 15"),
    "a map too many": ({"maps": {"flaw": np.zeros((3, 4, 4))}}, r"\(2, 4, 4\) needed"),
    "a grid too small": ({"grid": 1}, "more than 3 cells"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_one_line_and_makes_nothing(case, tmp_path):
    change, words = WRONG[case]
    with pytest.raises(InputError, match=words) as error:
        tiny_study.write(tmp_path / "study", **change)
    assert "\n" not in str(error.value)
    assert not [*tmp_path.iterdir()]


def test_no_folder_of_a_study_is_one_line(made, tmp_path):
    with pytest.raises(InputError, match="no folder of a study"):
        folder.read_key(tmp_path)
    (made / "public/trials.json").write_text("{")
    with pytest.raises(InputError, match="not JSON"):
        folder.read_public(made)
    (made / "public/trials.json").write_text(json.dumps({"format": 2}))
    with pytest.raises(InputError, match="format 2"):
        folder.read_public(made)


def test_what_is_not_ours_is_as_it_was_published():
    vendor = tiny_study.PAGE / "vendor"
    recorded = dict(reversed(line.split("  ")) for line in (vendor / "SHA256SUMS").read_text().splitlines())
    assert recorded.keys() == {path.name for path in vendor.iterdir()} - {"SHA256SUMS"}
    assert {name: files.sha256(vendor / name) for name in recorded} == recorded
    assert "MIT License" in (vendor / "LICENSE").read_text()


def test_the_page_asks_no_other_host():
    """Nor does jsPsych: a browser's tools would ask for a source map if a line named one."""
    for path in tiny_study.PAGE.rglob("*"):
        assert path.is_dir() or "sourceMappingURL" not in path.read_text()
        assert path.is_dir() or path.parent.name == "vendor" or "://" not in path.read_text()
