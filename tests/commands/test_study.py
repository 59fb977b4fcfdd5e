"""`selfrefine study`: its actions as a person types them, and one line for what does not fit."""

import json
import signal
import urllib.request

import pytest

from selfrefine.commands import main
from selfrefine.study import answers, records
from tests.support import tiny_study
from tests.support.command import refused, started
from tests.support.study_server import post


@pytest.fixture
def known(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tiny_study.write(tmp_path / "study")


def said(capsys, *words):
    main.main(["study", *words])
    return capsys.readouterr().out


def test_a_study_from_its_server_to_its_data(known, tmp_path, capsys):
    """Served on this machine alone, until Ctrl-C; then counted, exported, and one person's answers deleted."""
    server = started(["study", "serve", "study", "--answers", "answers", "--port", "0"], tmp_path)
    try:
        line = server.stdout.readline()
        assert line.startswith("Serving study at http://127.0.0.1:")
        port = int(line.split(":")[2].split("/")[0])
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/server.json") as page:
            assert json.load(page) == {"study": known.study}
        assert "serves a study into it already" in refused(
            ["study", "serve", "study", "--answers", "answers", "--port", "0"], capsys
        )
        for record in (tiny_study.start(known), tiny_study.answer(known)):
            assert post(port, record)[0] == 200
        server.send_signal(signal.SIGINT)
        assert server.wait(20) == 0
        assert server.stdout.read() == "\nEnded; participants in answers: 1\n"
        assert server.stderr.read() == ""
    finally:
        server.kill()
        server.communicate()
    told = said(capsys, "status", "study", "--answers", "answers")
    assert told.startswith("01234567  1 of 5 images, not yet at the end, last 2")
    assert told.endswith(f"Study {known.study}: participants who began: 1; who ended: 0; answers: 1\n")
    assert "participants: 1;" in said(capsys, "export", "study", "--answers", "answers", "--out", "data")
    assert "deleted" in said(capsys, "withdraw", "01234567", "--answers", "answers")
    assert "who began: 0;" in said(capsys, "status", "study", "--answers", "answers")


def test_the_zip_goes_out_and_answers_come_in(known, tmp_path, capsys):
    assert "JATOS" in said(capsys, "package", "study", "--out", "study.zip")
    assert (tmp_path / "study.zip").stat().st_size > 10000
    (tmp_path / "sent.jsonl").write_text(json.dumps(tiny_study.start(known)))
    told = said(capsys, "import", "study", "sent.jsonl", "--answers", "answers")
    assert told == "Participants in these files: 1; records that are new in answers: 1\n"


def test_simulated_raters_are_counted_apart(known, capsys):
    said(capsys, "simulate", "study", "--answers", "answers", "--raters", "2")
    told = said(capsys, "status", "study", "--answers", "answers")
    assert "who began: 0; who ended: 0; answers: 0\nNot counted: simulated raters: 2;" in told


def test_answers_of_another_study_are_counted_apart(known, tmp_path, capsys):
    other = records.Rules("0123456789ab", "c" * 64, frozenset({"t01"}), 16, 3)
    answers.append(tmp_path / "answers", tiny_study.start(other), other)
    assert "participants of other studies: 1" in said(capsys, "status", "study", "--answers", "answers")


WRONG = {
    "nothing": ([], "arguments are required: ACTION"),
    "another action": (["srve"], "invalid choice: 'srve'"),
    "a misspelt option": (["serve", "study", "--anwers", "a"], "--anwers is no option; did you mean --answers?"),
    "no study": (["status", "nowhere", "--answers", "a"], "nowhere: no folder of a study"),
    "no answers": (["status", "study", "--answers", "nowhere"], "nowhere: no folder of answers there"),
    "answers in the study": (["serve", "study", "--answers", "study/private"], "replaced when the study is made again"),
    "a port that is none": (["serve", "study", "--answers", "a", "--port", "99999"], "0 to 65,535"),
    "an address that is none": (["serve", "study", "--answers", "a", "--address", "256.1.1.1"], "cannot be had"),
    "nobody to withdraw": (["withdraw", "ABCD-2345", "--answers", "study"], "0 participants of study"),
    "no file": (["import", "study", "gone.jsonl", "--answers", "a"], "gone.jsonl"),
    "an export that is there": (["export", "study", "--answers", "study", "--out", "study"], "is there already"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_one_line_and_leaves_nothing(case, known, tmp_path, capsys):
    words, told = WRONG[case]
    before = sorted(tmp_path.rglob("*"))
    line = refused(["study", *words], capsys)
    assert line.startswith("selfrefine study")
    assert told in line
    assert sorted(tmp_path.rglob("*")) == before
