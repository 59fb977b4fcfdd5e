"""Params are read alike by both engines, or refused in one line."""

import datetime
import random
import time
from pathlib import Path

import pytest
import yaml
from dvc.utils.serialize import parse_yaml

from selfrefine.core.errors import InputError
from selfrefine.params import strict_yaml

ROOT = Path(__file__).parents[2]


def read(text, folder):
    path = folder / "params.yaml"
    path.write_text(text, encoding="utf-8")
    return strict_yaml.read(path)


def refusal(text, folder):
    with pytest.raises(InputError) as refused:
        read(text, folder)
    line = str(refused.value).removeprefix(str(folder / "params.yaml"))
    assert "\n" not in line
    return line


@pytest.mark.parametrize("path", ["params.yaml", "experiments/embedded.yaml", "experiments/smoke.yaml"])
def test_the_projects_own_files_are_read(path):
    assert strict_yaml.read(ROOT / path) == parse_yaml((ROOT / path).read_text(), path)


@pytest.mark.parametrize(
    ("scalar", "fixes"),
    [
        ("no", 'false or "no"'),
        ("on", 'true or "on"'),
        ("010", '8 or 10 or "010"'),
        ("08", '8 or "08"'),
        ("0o17", '15 or "0o17"'),
        ("1_000", '1000 or "1_000"'),
        ("12:30", '750 or "12:30"'),
        ("-.5", '-0.5 or "-.5"'),
        ("1_000.0", '1000 or "1_000.0"'),
        (".nan", '".nan"'),
        (".inf", '".inf"'),
        ("2024-01-31", '"2024-01-31"'),
        ("2024-99-31", '"2024-99-31"'),
    ],
)
def test_a_scalar_with_two_readings_is_refused_with_both_fixes(scalar, fixes, tmp_path):
    line = refusal(f"a: 1\nb: [{scalar}]\n" if ":" not in scalar else f"a: 1\nb: {scalar}\n", tmp_path)
    assert line == f", line 2: {scalar} reads differently in YAML 1.1 (Snakemake) and YAML 1.2 (DVC); write {fixes}"


@pytest.mark.parametrize("name", ["no", "1e4", "1", "~", "[a]", "{a: 1}"])
def test_a_key_that_is_no_text_is_refused(name, tmp_path):
    assert refusal(f"? {name}\n: 1\n", tmp_path).endswith("is no name; a key is a text")


@pytest.mark.parametrize("number", ["1e-05", "1e-4", "1.5e3", "1E5", "+2.e-1", "-5e+2", "1.0e-3"])
def test_a_number_with_an_exponent_is_what_dvc_reads(number, tmp_path):
    """YAML 1.1 takes most of them for texts; `dvc exp run -S learning_rate=0.00001` writes 1e-05."""
    found = read(f"a: {number}\n", tmp_path)["a"]
    assert (found, type(found)) == (float(number), float)
    assert found == parse_yaml(f"a: {number}\n", "params.yaml")["a"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: !!float nan\n", ", line 1: tag:yaml.org,2002:float is a tag; write the value without one"),
        ("a: !!int '3'\n", ", line 1: tag:yaml.org,2002:int is a tag; write the value without one"),
        ("a:\n  - !!timestamp 2024-01-31\n", ", line 2: tag:yaml.org,2002:timestamp is a tag; "),
        ("a: !!set {x, y}\n", ", line 1: tag:yaml.org,2002:set is a tag; "),
        (
            "a: !!python/object/apply:os.system [true]\n",
            ", line 1: tag:yaml.org,2002:python/object/apply:os.system is ",
        ),
        ("a: ! 5\n", ", line 1: ! is a tag; "),
        ("!!map {a: 1}\n", ", line 1: tag:yaml.org,2002:map is a tag; "),
        ("a: &x [1]\nb: *x\n", ", line 2: *x is an alias; write out what it stands for"),
        ("a: &x [*x]\n", ", line 1: *x is an alias; "),
        ("a: &x {b: *x}\n", ", line 1: *x is an alias; "),
        ("a: " + "[" * 900 + "]" * 900 + "\n", ", line 1: mappings and lists lie more than 20 deep in each other"),
        ("\n".join(" " * level + "a:" for level in range(900)), ", line 21: mappings and lists lie more than 20 deep"),
        ("a: " + "9" * 5000 + "\n", ", line 1: a value of 5000 characters; allowed: 1000"),
        ("a" * 5000 + ": 1\n", ", line 1: "),
        ("a: " + "1:" * 900 + "1\n", ", line 1: a value of 1801 characters; "),
        ("__use_yte__: true\na: 1\n", ", line 1: __use_yte__ would make Snakemake run what stands here; delete it"),
        ("a:\n  b: {__use_yte__: false}\n", ", line 2: __use_yte__ would make Snakemake run what stands here"),
        ("a: [{'__use_yte__': 1}]\n", ", line 1: __use_yte__ would make Snakemake run what stands here"),
        ('{"\\u005f_use_yte__": true}\n', ", line 1: __use_yte__ would make Snakemake run what stands here"),
        ("a: 1\n---\nb: 1\n", ", line 2: not YAML: but found another document"),
        ("<<: {a: 1}\n", ", line 1: << is no name; a key is a text"),
        ("a: 'x\x00'\n", ": not YAML: unacceptable character #x0000: "),
    ],
    ids=range(22),
)
def test_what_is_no_plain_data_is_refused_at_once(text, told, tmp_path):
    started = time.process_time()
    line = refusal(text, tmp_path)
    assert line.startswith(told)
    assert line.isprintable()
    assert len(line) < 300
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\nb: {c: 1, c: 2}\n", ", line 2: c is given twice; delete one"),
        ("1: a\n", ", line 1: 1 is no name; a key is a text"),
        ("", ": a mapping of names to values is needed; write {} for an empty one"),
        ("# nothing yet\n", ": a mapping of names to values is needed; write {} for an empty one"),
        ("- a\n", ": a mapping of names to values is needed; write {} for an empty one"),
        ("a: b: c\n", ", line 1: not YAML: mapping values are not allowed in this context"),
        ("a: [1\nb: 2\n", ", line 2: not YAML: did not find expected ',' or ']'"),
        ("a:\n\t- 1\n", ", line 2: not YAML: found character that cannot start any token"),
    ],
)
def test_what_is_no_mapping_of_texts_is_refused(text, told, tmp_path):
    assert refusal(text, tmp_path) == told


def test_a_missing_file_and_bytes_that_are_no_text(tmp_path):
    with pytest.raises(InputError, match="no such file; run from the project's root"):
        strict_yaml.read(tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_bytes(b"a: \xff\xfe\n")
    with pytest.raises(InputError, match=r"not YAML: .*utf-8"):
        strict_yaml.read(tmp_path / "params.yaml")


def test_quoted_scalars_are_texts(tmp_path):
    assert read("a: \"1e-4\"\nb: 'no'\nc: |\n  010\n", tmp_path) == {"a": "1e-4", "b": "no", "c": "010\n"}


def test_whatever_is_accepted_is_read_alike_by_snakemakes_and_dvcs_readers(tmp_path):
    """But for exponents, which Snakemake's takes for texts: the Snakefile has our reader in its place."""
    draw = random.Random(0)
    words = ["true", "No", "null", "~", "0x1F", "1e5", "-1.5e-3", "+7", "3.", ".25", "off", "y", "1:30"]
    # without "_": DVC's reader has quirks of its own, such as 0.09 for ._09
    words += ["".join(draw.choices("0123456789+-.exobEaf", k=draw.randint(1, 5))) for _ in range(1500)]
    accepted = refused = 0
    for word in words:
        text = f"a: {word}\n"
        try:
            value = read(text, tmp_path)["a"]
        except InputError:
            refused += 1
            continue
        others = [parse_yaml(text, "params.yaml")["a"]]
        others += [] if strict_yaml.EXPONENT.fullmatch(word) else [yaml.load(text, Loader=yaml.FullLoader)["a"]]
        for other in others:
            assert (value, type(value)) == (other, type(other)), word
        assert not isinstance(value, datetime.date)
        accepted += not isinstance(value, str)
    assert accepted > 100
    assert refused > 20
