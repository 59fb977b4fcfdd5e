"""The server: what it acknowledges survives kill -9, what is no answer is refused, and no address is kept."""

import json
import random
import re
import socket
import threading
import time

import pytest

from selfrefine.core.errors import InputError
from selfrefine.study import answers, server
from tests.support import study_server, tiny_study
from tests.support.study_server import Killable, get, post

LOG_LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (400|404|503) [\x20-\x7e]+")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("study")


@pytest.fixture(scope="module")
def known(place):
    return tiny_study.write(place / "study")


@pytest.fixture(scope="module")
def running(place, known):
    opened = Killable(place / "study", place / "answers", place / "log")
    yield opened
    opened.kill()


def test_it_shows_the_page_and_nothing_else(running, place):
    assert get(running.port, "/")[1] == (place / "study/public/index.html").read_bytes()
    assert get(running.port, "/trials.json?now")[0] == 200
    for path in ("/../private/key.json", "/private/key.json", "/images/", "/%2e%2e/private/key.json", "//etc/passwd"):
        status, content = get(running.port, path)
        assert status == 404
        assert b"kind" not in content


def test_it_says_which_answer_is_kept(running, known, place):
    who = "a" * 32
    first, other = (tiny_study.answer(known, participant=who, cells=cells) for cells in ([1, 2, 3], [4, 5, 6]))
    assert post(running.port, first) == (400, {"refused": "answer: unknown participant"})
    assert post(running.port, tiny_study.start(known, who))[0] == 200
    assert post(running.port, first) == (200, first)
    assert post(running.port, other) == (200, first)
    assert answers.of_participant(place / "answers" / f"{who}.jsonl")[1:] == [first]


def malformed(known, chance):
    """A post that is none: an answer with something wrong, or bytes that are not JSON."""
    record = tiny_study.answer(known, participant="b" * 32)
    bad = [None, True, -1, 10**40, 1.5, "", "../../x", "\u0000", "x" * 3000, [], {}, [1, 1, 1], [[[]]], "\ud800"]
    kind = chance.randrange(4)
    if kind == 0:
        return json.dumps(record | {chance.choice(list(record)): chance.choice(bad)}).encode()
    if kind == 1:
        return json.dumps({name: value for name, value in record.items() if chance.random() < 0.8} | {"x": 1}).encode()
    if kind == 2:
        text = json.dumps(record).encode()
        return text[: chance.randrange(len(text))]
    return chance.randbytes(chance.randrange(60))


def test_a_thousand_malformed_posts_are_refused_each_with_one_line(running, known, place):
    chance = random.Random(0)
    log = place / "log"
    before, files = len(log.read_text().splitlines()), {*(place / "answers").iterdir()}
    for number in range(1000):
        path = "/answers" if number % 10 else chance.choice(["/", "/answers/../x", "/answers?x", "/" + "y" * 500])
        body = malformed(known, chance)
        assert post(running.port, body, path)[0] == 400, body
    lines = log.read_text().splitlines()[before:]
    assert len(lines) == 1000
    assert all(LOG_LINE.fullmatch(line) for line in lines)
    assert "127.0.0.1" not in log.read_text()
    assert {*(place / "answers").iterdir()} == files


RAW = {
    "no HTTP": b"hello\r\n\r\n",
    "no length": b"POST /answers HTTP/1.1\r\nHost: x\r\n\r\n",
    "a length that is none": b"POST /answers HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
    "a huge length": b"POST /answers HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 400 + b"\r\n\r\n",
    "too long a length": b"POST /answers HTTP/1.1\r\nHost: x\r\nContent-Length: 16385\r\n\r\n",
    "in pieces": b"POST /answers HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "another method": b"DELETE /answers HTTP/1.1\r\nHost: x\r\n\r\n",
    "a line without end": b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\n\r\n",
    "headers without end": b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 500 + b"\r\n",
    "a version that is none": b"GET / HTTP/one\r\n\r\n",
    "bytes": bytes(range(128, 256)) + b"\r\n\r\n",
}


@pytest.mark.parametrize("case", RAW)
def test_what_is_no_request_is_refused_with_one_line(case, running, place):
    before = len((place / "log").read_text().splitlines())
    with socket.create_connection(("127.0.0.1", running.port), timeout=10) as connection:
        connection.sendall(RAW[case])
        assert connection.recv(1000).startswith(b"HTTP/1.1 400 ")
    (line,) = (place / "log").read_text().splitlines()[before:]
    assert LOG_LINE.fullmatch(line)


def test_a_browser_that_leaves_costs_no_traceback(running, known, place):
    for sent in (b"", b"POST /answers HTTP/1.1\r\nContent-Length: 100\r\n\r\n{", b"GET / HT"):
        with socket.create_connection(("127.0.0.1", running.port), timeout=10) as connection:
            connection.sendall(sent)
    assert post(running.port, tiny_study.start(known, "c" * 32))[0] == 200
    assert "Traceback" not in (place / "log").read_text()


def test_a_foreign_page_cannot_send_answers(running, known):
    """A browser lets a foreign page post text, but not JSON."""
    record = tiny_study.start(known, "d" * 32)
    assert post(running.port, record, **{"Content-Type": "text/plain"})[0] == 400


def test_what_cannot_be_kept_is_not_acknowledged(running, known, place):
    """The browser sends it again: here a folder lies in the file's place."""
    path = place / "answers" / f"{'e' * 32}.jsonl"
    path.mkdir()
    assert post(running.port, tiny_study.start(known, "e" * 32))[0] == 503
    path.rmdir()
    assert post(running.port, tiny_study.start(known, "e" * 32))[0] == 200


def test_an_address_that_cannot_be_had_is_one_line(running, place):
    for address, port in (("127.0.0.1", running.port), ("256.1.1.1", 0), ("127.0.0.1", 70000)):
        with pytest.raises(InputError, match="cannot be had") as error:
            server.open_server(place / "study", place / "answers", address, port)
        assert "\n" not in str(error.value)


def session(known, who):
    """All that a participant sends, from the start to the end."""
    trials = sorted(known.trials)
    return [
        tiny_study.start(known, who),
        *(tiny_study.answer(known, trial, who) for trial in trials),
        tiny_study.end(known, who),
    ]


def send_until_killed(port, known, chance, left, acknowledged):
    """Sends what is left, then one participant after another; notes what was acknowledged, until nobody answers.

    What is answered otherwise is noted as None.
    """
    while True:
        left[:] = left or session(known, f"{chance.getrandbits(128):032x}")
        try:
            status, kept = study_server.post(port, left[0])
        except (OSError, ValueError, study_server.http.client.HTTPException):
            return
        acknowledged.append(left.pop(0) if (status, kept) == (200, left[0]) else None)


@pytest.mark.timeout(120)  # it waits for answers
def test_fifty_kills_lose_no_acknowledged_answer_and_double_none(known, place, tmp_path):
    chance, folder, port = random.Random(1), tmp_path / "answers", 0
    senders = [(random.Random(number), [], []) for number in range(2, 5)]
    for _ in range(50):
        opened = Killable(place / "study", folder, tmp_path / "log", port)
        port = opened.port
        threads = [threading.Thread(target=send_until_killed, args=(port, known, *sender)) for sender in senders]
        for thread in threads:
            thread.start()
        enough = sum(len(records) for *_, records in senders) + chance.randrange(8)
        while sum(len(records) for *_, records in senders) < enough:
            time.sleep(0.001)
        time.sleep(chance.uniform(0.0, 0.004))  # somewhere in the next answer
        opened.kill()
        for thread in threads:
            thread.join()
    acknowledged = [record for *_, records in senders for record in records]
    kept = [record for _, found in answers.participants(folder) for record in found]
    as_text = [json.dumps(record, sort_keys=True) for record in kept]
    assert len(acknowledged) > 100
    assert None not in acknowledged
    assert not [record for record in acknowledged if record not in kept]
    assert len({*as_text}) == len(as_text)
    assert len(kept) <= len(acknowledged) + len(senders)  # what was on its way
