"""Captions from templates: which image gets which; captions of a user's file, and all that can be wrong with it."""

import hashlib
from collections import Counter
from pathlib import Path

import pytest

from selfrefine.core.errors import InputError
from selfrefine.data import captions

TEMPLATES = ("{label}", "a photo of {article} {label}", "{article} {label}, and again: {label}")
NAMES = ("a/1.png", "a/2.png", "b c/caf\u00e9.png")


def test_the_class_and_its_article_are_put_into_the_template():
    names = ["bag", "ankle boot", "Umbrella", "t-shirt"]
    found = captions.of_classes(names, range(4), ["a photo of {article} {label} ({label})"])
    assert found == [
        "a photo of a bag (bag)",
        "a photo of an ankle boot (ankle boot)",
        "a photo of an Umbrella (Umbrella)",
        "a photo of a t-shirt (t-shirt)",
    ]
    assert captions.of_classes(names, range(4), ["{label}"]) == names


def test_the_template_follows_from_the_number_of_the_image_alone():
    whole = captions.of_classes(["bag"] * 500, range(500), TEMPLATES)
    some = captions.of_classes(["bag"] * 3, [499, 7, 120], TEMPLATES)
    assert some == [whole[499], whole[7], whole[120]]
    others = captions.of_classes(["boot"] * 500, range(500), TEMPLATES)
    assert [caption.replace("boot", "bag") for caption in others] == whole
    head = hashlib.sha256(b"caption/7").hexdigest()[:16]  # written by hand: another order would change every data set
    assert whole[7] == TEMPLATES[int(head, 16) % 3].replace("{label}", "bag").replace("{article}", "a")


def test_templates_are_about_equally_frequent():
    counts = Counter(captions.place(number, 5) for number in range(10_000))
    assert sum((counts[place] - 2000) ** 2 / 2000 for place in range(5)) < 18.5  # chi-square, 4 degrees: p = 0.001


@pytest.mark.parametrize(
    ("templates", "told"),
    [
        ((), "prepare_data.captions is empty; one template needed at least"),
        (("a photo",), "holds 'a photo'; needed: {label}, allowed besides: {article}"),
        (("{label}", "a {name} {label}"), "holds 'a {name} {label}'; needed"),
        (("{label!r}",), "holds '{label!r}'"),
        (("{label} }",), "holds '{label} }'"),
    ],
)
def test_templates_that_are_none_are_refused(templates: tuple[str, ...], told: str):
    with pytest.raises(InputError) as error:
        captions.of_classes(["bag"], [0], templates)
    assert told in str(error.value)


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    (folder / "captions.csv").write_bytes(text.encode(encoding))
    return folder


def test_a_folder_without_a_file_has_no_captions(tmp_path: Path):
    assert captions.of_folder(tmp_path, NAMES, "test") is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_the_first_caption_of_a_file_counts(tmp_path: Path, capsys, encoding: str):
    text = 'caption,id,file\r\n"a ""red"" bag, big",1,a/1.png\r\nnull,2,a/2.png\r\nanother,3,a/1.png\r\n'
    text += '"two\nlines",4,b c/cafe\u0301.png\r\n'
    found = captions.of_folder(write(tmp_path, text, encoding), NAMES, "test")
    assert found == {"a/1.png": 'a "red" bag, big', "a/2.png": "null", "b c/caf\u00e9.png": "two lines"}
    assert capsys.readouterr().out == ""


def test_unknown_and_missing_images_are_told_in_one_line(tmp_path: Path, capsys):
    text = "file,caption\na/2.png,a bag\nz.png,what?\na/3.png,\n"
    found = captions.of_folder(write(tmp_path, text), NAMES, "prepare_data mine")
    assert found == {"a/1.png": "", "a/2.png": "a bag", "b c/caf\u00e9.png": ""}
    assert capsys.readouterr().out == (
        f"prepare_data mine: {tmp_path}/captions.csv: 2 of 3 images without caption (the first: a/1.png), "
        "2 captions without image (the first: a/3.png)\n"
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "columns none given, file and caption needed"),
        ("name,caption\na/1.png,a bag\n", "columns name, caption given, file and caption needed"),
        ("file,caption\na/1.png,a bag, red\n", "line 2: 2 columns needed; put captions with commas in quotes"),
        ("file,caption\na/2.png,a bag\na/1.png\n", "line 3: 2 columns needed"),
        ('file,caption\na/1.png,"a bag', "not a whole CSV file in UTF-8"),
        (
            "file,caption\n/home/a/1.png,a bag\n",
            "3 of 3 images without caption (the first: a/1.png), 1 captions without",
        ),
    ],
)
def test_another_table_is_refused_in_one_line(tmp_path: Path, text: str, told: str):
    with pytest.raises(InputError) as error:
        captions.of_folder(write(tmp_path, text), NAMES, "test")
    assert str(error.value).startswith(f"{tmp_path}/captions.csv: ")
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_another_encoding_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="not a whole CSV file in UTF-8"):
        captions.of_folder(write(tmp_path, "file,caption\na/1.png,caf\u00e9\n", "latin-1"), NAMES, "test")
