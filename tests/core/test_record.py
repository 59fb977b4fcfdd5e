"""A record says what outputs follow from, by content; whatever is not a whole record is none."""

import json
import os
import shutil
from pathlib import Path

import pytest

from selfrefine.core import contents, files, record
from selfrefine.core.errors import DamagedError

CONFIG = {"names": {"seed": "0"}, "rate": 1}
RECORD = Path("models/stage/run/config.json")
OUTPUTS = [RECORD.with_name("loss.csv"), RECORD.with_name("pipeline"), RECORD.parent / "train" / "images.npy"]


@pytest.fixture(autouse=True)
def made(tmp_path, monkeypatch):
    """A file, a sealed folder and a file one folder below, with their record."""
    monkeypatch.chdir(tmp_path)
    files.write_text(OUTPUTS[0], "step,loss\n")
    with files.atomic_folder(OUTPUTS[1]) as folder:
        (folder / "unet").mkdir()
        (folder / "unet" / "weights").write_bytes(bytes(range(256)))
        (folder / "index.json").write_text("{}")
    files.write_bytes(OUTPUTS[2], b"images")
    record.write(RECORD, CONFIG, {"a.py": "1"}, {"in": "2"}, [*OUTPUTS, Path("models/stage/run/none")])


def test_what_is_written_is_read(tmp_path):
    config, provenance = record.read(RECORD)
    assert config == CONFIG
    assert provenance["code"] == {"a.py": "1"}
    assert provenance["inputs"] == {"in": "2"}
    assert set(provenance["outputs"]) == {"loss.csv", "pipeline", "train/images.npy"}
    assert files.read_config(RECORD) == CONFIG


@pytest.mark.parametrize("output", OUTPUTS)
def test_what_a_job_made_is_what_is_there(output):
    assert record.made(output) == record.digest(output) == record.present([output])[str(output)]
    assert record.made(output.absolute()) == record.digest(output)


def test_what_no_job_made_has_no_digest_of_a_maker():
    for path in (Path("models/stage/run/none"), Path("models/stage/run/other"), Path("elsewhere/file")):
        assert record.made(path) is None


def test_the_lineage_of_a_result_follows_every_step_back_to_what_no_job_made():
    files.write_text(Path("mine"), "mine")
    found = set()
    for config, code, content in ((1, "a", "mine"), (2, "a", "mine"), (1, "b", "mine"), (1, "a", "other")):
        files.write_text(Path("mine"), content)
        first = record.lineage({"rate": config}, code, record.origins(record.check([Path("mine")])))
        record.write(RECORD, CONFIG, {}, {}, OUTPUTS, first)
        last = record.lineage(CONFIG, "c", record.origins(record.check(OUTPUTS)))
        assert record.origins(record.check([*OUTPUTS, RECORD])) == {str(path): first for path in (*OUTPUTS, RECORD)}
        found |= {first, last}
    assert len(found) == 8


@pytest.mark.parametrize(
    "change",
    [
        *(
            pytest.param(lambda text, key=key: drop(text, key), id=f"no {key}")
            for key in ("code", "inputs", "outputs", "lineage")
        ),
        pytest.param(lambda text: drop(text, None), id="no provenance"),
        pytest.param(lambda text: text[: len(text) // 2], id="cut"),
        pytest.param(lambda _: "", id="empty"),
        pytest.param(lambda _: "[1]", id="a list"),
        pytest.param(lambda _: '{"provenance": 3}', id="a number"),
        pytest.param(lambda _: "\udcff", id="no text"),
    ],
)
def test_a_record_that_is_not_whole_is_none(change):
    RECORD.write_bytes(change(RECORD.read_text()).encode("utf-8", "surrogateescape"))
    assert record.read(RECORD) is None
    assert record.made(OUTPUTS[0]) is None


def drop(text, key):
    config = json.loads(text)
    if key is None:
        del config["provenance"]
    else:
        del config["provenance"][key]
    return json.dumps(config)


def test_a_record_that_was_written_again_is_read_again():
    assert record.read(RECORD)[0]["rate"] == 1
    record.write(RECORD, CONFIG | {"rate": 2}, {}, {}, [])
    assert record.read(RECORD)[0]["rate"] == 2
    RECORD.unlink()
    assert record.read(RECORD) is None


PLACES = [OUTPUTS[0], OUTPUTS[1] / "unet/weights", OUTPUTS[1] / "index.json", OUTPUTS[2]]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("change", ["first bit", "last bit", "cut", "longer", "gone"])
def test_every_change_shows_whatever_the_date(place, change):
    output = next(output for output in OUTPUTS if place.is_relative_to(output))
    before, state = record.present([output]), place.stat()
    content = bytearray(place.read_bytes())
    if change == "gone":
        place.unlink()
    else:
        content[0 if change == "first bit" else -1] ^= 1 if "bit" in change else 0
        place.write_bytes(content[:-1] if change == "cut" else content + b"x" if change == "longer" else content)
        os.utime(place, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert record.present([output]) != before
    if output == place and change != "gone":
        with pytest.raises(DamagedError, match=r"changed since it was made \(its record says so\)"):
            record.check([output])


def test_a_folder_whose_seal_was_forged_is_found_by_the_record():
    (OUTPUTS[1] / "index.json").write_text('{"other": 1}')
    sums = {name: files.sha256(file) for name, file in files.visible(OUTPUTS[1]).items() if name != files.SUMS}
    (OUTPUTS[1] / files.SUMS).write_text(files.seal(sums))
    assert files.check_folder(OUTPUTS[1])
    assert record.present([OUTPUTS[1]]) != {str(OUTPUTS[1]): record.made(OUTPUTS[1])}
    with pytest.raises(DamagedError, match="pipeline: changed"):
        record.check([OUTPUTS[1]])


def test_hidden_files_documents_and_dates_are_no_change():
    before = record.present(OUTPUTS)
    for name in (".snakemake_timestamp", "unet/.DS_Store", "README.md"):
        (OUTPUTS[1] / name).write_text("added")
    for path in OUTPUTS:
        os.utime(path, (1, 1))
    assert record.present(OUTPUTS) == before
    assert record.check(OUTPUTS) == before


def test_a_copied_folder_is_what_it_says(tmp_path):
    shutil.copytree(RECORD.parent, "elsewhere/stage/run")
    for output in OUTPUTS:
        copy = Path("elsewhere/stage/run") / output.relative_to(RECORD.parent)
        assert record.made(copy) == record.made(output) == record.digest(copy)


def test_what_is_known_of_files_is_not_read_again(monkeypatch):
    monkeypatch.setattr(contents, "SETTLED", 0)
    before = record.present(OUTPUTS)
    monkeypatch.setattr(contents, "_sha256", lambda path: pytest.fail(f"{path} was read again"))
    assert record.present(OUTPUTS) == before
