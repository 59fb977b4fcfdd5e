"""What leaves and enters a study: its zip, imported answers, and the Psych-DS folder of its data."""

import json
import zipfile

import pandas as pd
import pytest

from selfrefine.core.errors import InputError
from selfrefine.study import answers, importing, package, psych_ds, simulated_raters
from tests.support import tiny_study
from tests.support.tiny_study import PERSON

OTHER = "f" * 32


@pytest.fixture
def known(tmp_path):
    return tiny_study.write(tmp_path / "study")


def session(known, participant):
    given = [tiny_study.answer(known, trial, participant) for trial in sorted(known.trials)]
    return [tiny_study.start(known, participant), *given, tiny_study.end(known, participant)]


def written(path, records):
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    return path


def test_the_zip_is_a_folder_for_any_host_and_a_study_for_jatos(known, tmp_path):
    """What JATOS requires of its archive stands in its reference: one folder, one .jas that names it."""
    package.write(tmp_path / "study.zip", tmp_path / "study")
    with zipfile.ZipFile(tmp_path / "study.zip") as archive:
        names = archive.namelist()
        (jas,) = [name for name in names if name.endswith(".jas")]
        told = json.loads(archive.read(jas))
        (folder,) = {name.partition("/")[0] for name in names if name != jas}
        public = tmp_path / "study/public"
        assert {name.removeprefix(f"{folder}/") for name in names if name != jas} == {
            path.relative_to(public).as_posix() for path in public.rglob("*") if path.is_file()
        }
        assert archive.read(f"{folder}/trials.json") == (public / "trials.json").read_bytes()
    assert told["data"].keys() >= {"uuid", "title", "dirName", "componentList", "batchList"}
    assert (told["version"], told["data"]["dirName"], folder) == ("3", folder, f"garments-{known.study}")
    assert [part["htmlFilePath"] for part in told["data"]["componentList"]] == ["index.html"]
    assert not [name for name in names if "private" in name or "key" in name]


def test_the_same_study_is_the_same_zip(known, tmp_path):
    for name in ("a.zip", "b.zip"):
        package.write(tmp_path / name, tmp_path / "study")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_files_of_several_participants_in_any_order_are_taken_once(known, tmp_path):
    """As JATOS gives them: one text of all, in which a record that was sent again stands twice."""
    mixed = [*session(known, OTHER), *reversed(session(known, PERSON)), *session(known, OTHER)[:2]]
    path = written(tmp_path / "all.txt", mixed)
    path.write_text(path.read_text() + "\n\r\n")
    assert importing.take(tmp_path / "a", [path], known) == (2, 14)
    before = {path: path.read_bytes() for path in (tmp_path / "a").iterdir()}
    assert importing.take(tmp_path / "a", [path, path], known) == (2, 0)
    assert {path: path.read_bytes() for path in (tmp_path / "a").iterdir()} == before


WRONG = {
    "not JSON": "no records",
    "of no start": json.dumps({"study": "STUDY", "participant": OTHER, "kind": "end", "code": "ABCD-2345"}),
    "another study": json.dumps({"study": "0123456789ab", "participant": PERSON, "kind": "end", "code": "ABCD-2345"}),
    "simulated": json.dumps({"study": "STUDY", "participant": PERSON, "kind": "start", "simulated": True}),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_file_that_is_none_is_one_line_and_nothing_is_taken(case, known, tmp_path):
    path = written(tmp_path / "sent.jsonl", session(known, PERSON))
    path.write_text(path.read_text() + WRONG[case].replace("STUDY", known.study) + "\n")
    with pytest.raises(InputError, match=r"sent\.jsonl, line 8: .*; nothing was taken"):
        importing.take(tmp_path / "a", [path], known)
    assert not (tmp_path / "a").exists()


@pytest.fixture
def exported(known, tmp_path):
    comment = {"study": known.study, "participant": PERSON, "kind": "comment", "text": 'a "sleeve",\nodd'}
    for record in (*session(known, PERSON)[:-1], comment, session(known, PERSON)[-1], *session(known, OTHER)[:3]):
        answers.append(tmp_path / "a", record, known)
    assert psych_ds.export(tmp_path / "out", tmp_path / "study", tmp_path / "a") == 2
    return tmp_path / "out"


def test_the_data_are_a_psych_ds_folder(exported, known):
    """As the standard asks: keyword-value names, and a description that names every column, and no other."""
    described = json.loads((exported / "dataset_description.json").read_text())
    assert described["@type"] == "Dataset"
    assert described["@context"] in ("https://schema.org/", "http://schema.org/")
    assert described["name"]
    assert described["description"]
    tables = sorted((exported / "data").glob("*_data.csv"))
    assert [path.name for path in tables] == [
        f"study-{known.study}_table-{name}_data.csv" for name in ("answers", "participants")
    ]
    columns = {column for path in tables for column in pd.read_csv(path).columns}
    assert {variable["name"] for variable in described["variableMeasured"]} == columns
    assert all(variable["description"] for variable in described["variableMeasured"])


def test_they_hold_what_people_answered_and_what_each_image_was(exported, known, tmp_path):
    given = pd.read_csv(exported / "data" / f"study-{known.study}_table-answers_data.csv")
    assert len(given) == 7
    catch = given.set_index(["participant", "trial"]).loc[PERSON, "t03"]
    assert catch[["kind", "row", "cell_1", "cell_2", "cell_3"]].tolist() == ["catch", 2, 0, 3, 9]
    people = pd.read_csv(exported / "data" / f"study-{known.study}_table-participants_data.csv")
    assert people["ended"].tolist() == [True, False]
    assert people["comment"].tolist()[0] == 'a "sleeve",\nodd'
    for path in (tmp_path / "a").iterdir():
        assert (exported / "data/raw" / path.name).read_bytes() == path.read_bytes()


def test_nothing_is_exported_over_what_is_there_nor_of_simulated_raters(exported, known, tmp_path):
    with pytest.raises(InputError, match="is there already"):
        psych_ds.export(exported, tmp_path / "study", tmp_path / "a")
    simulated_raters.write(tmp_path / "simulated", known, 1, 0)
    with pytest.raises(InputError, match="simulated raters"):
        psych_ds.export(tmp_path / "other", tmp_path / "study", tmp_path / "simulated")
    assert not (tmp_path / "other").exists()


def test_a_study_without_participants_is_exported_with_its_columns(known, tmp_path):
    (tmp_path / "a").mkdir()
    assert psych_ds.export(tmp_path / "out", tmp_path / "study", tmp_path / "a") == 0
    assert "cell_3" in (tmp_path / "out/data" / f"study-{known.study}_table-answers_data.csv").read_text()
