"""Pickles forged part by part, in a process of their own with little memory: each is refused or gives right arrays."""

import pickle
import random
import resource
import signal
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from selfrefine.pretrained import numpy_pickle
from tests.support.children import FORKS

ROUNDS, CASES = 8, 100  # of each round
MEMORY = 2**30  # bytes that a round may take on top of what it has: a crash by a few bytes would take more
RECONSTRUCT = np.empty(0).__reduce__()[0]
TRUE = np.arange(6, dtype="<f4").reshape(2, 3)
GENUINE = {
    "code": "f4",
    "flags": (False, True),
    "version": 3,
    "order": "<",
    "sub_array": None,
    "names": None,
    "fields": None,
    "size": -1,
    "alignment": -1,
    "bits": 0,
    "shape": (2, 3),
    "by_columns": False,
    "content": TRUE.tobytes(),
    "array_version": 1,
    "start": (0,),
    "letter": b"b",
}
HUGE = (0, 1, -1, 2**31 - 1, 2**31, 2**40, 2**63, 2**64, -(2**63), 10**30)
FORGERIES: tuple[Any, ...] = (
    *HUGE,
    *(float(number) for number in HUGE),
    *(
        float("nan"),
        float("inf"),
        None,
        True,
        False,
        "",
        "O",
        "O8",
        "V8",
        "U4",
        "S4",
        "M8[ns]",
        "m8",
        "f16",
        "c8",
        "f3",
    ),
    *(
        "f4,f4",
        "(2,2)f4",
        "|",
        ">",
        "?",
        "b",
        b"",
        b"b",
        b"O",
        bytes(24),
        bytes(2**16),
        (),
        (0,),
        (2, 3, 2**40),
        [2, 3],
    ),
    *((-2, -3), (2.0, 3.0), ("a",), ("a", "a"), {"a": (1, 2)}, {"a": (np.dtype("f4"), 2**40)}, {}, (2, 3, 0), [], 1j),
    *(np.dtype("f4"), np.dtype("O"), np.dtype([("a", "f4")]), np.zeros(2, "f4"), np.float32(1), {1, 2}, np.ndarray),
)


class Stated:
    """Pickles as a call of `function`, then a state for what it returns."""

    def __init__(self, function: Any, arguments: tuple[Any, ...], state: Any) -> None:
        self.parts = (function, arguments, state)

    def __reduce__(self) -> Any:
        return self.parts


def built(parts: dict[str, Any]) -> bytes:
    """The pickle of an array as numpy writes it, with these parts."""
    flags = parts["flags"] if isinstance(parts["flags"], tuple) else (parts["flags"],)
    state = tuple(
        parts[name] for name in ("version", "order", "sub_array", "names", "fields", "size", "alignment", "bits")
    )
    dtype = Stated(np.dtype, (parts["code"], *flags), state)
    array = (parts["array_version"], parts["shape"], dtype, parts["by_columns"], parts["content"])
    return pickle.dumps(Stated(RECONSTRUCT, (np.ndarray, parts["start"], parts["letter"]), array), protocol=3)


def hostile(draws: random.Random) -> bytes:
    """One part or some forged, then often the bytes, too: cut, joined, or with instructions of pickle between them."""
    parts = dict(GENUINE)
    for name in draws.sample(sorted(parts), draws.choice((0, 1, 1, 2, 5))):
        parts[name] = draws.choice(FORGERIES)
    content = bytearray(built(parts))
    for _ in range(draws.choice((0, 0, 1, 3))):
        place = draws.randrange(2, len(content))
        number = draws.choice((0, 1, 255, 2**16, 2**31 - 1, 2**32 - 1)).to_bytes(4, "little")
        words = (
            b"r" + number,
            b"j" + number,
            b"B" + number,
            b"X" + number,
            b"b",
            b"R",
            b"(",
            b"t",
            b"u",
            b"e",
            b"0",
            b"2",
        )
        words += (b"\x95" + number * 2, b"\x8e" + number * 2, b"\x8a\xff", b"\x8b" + number, b"p99999999\n", b"]", b"}")
        content[place:place] = draws.choice((*words, bytes([draws.randrange(256)])))
    return bytes(content)


def what_comes_of(content: bytes) -> str:
    """ "refused", "right", or what is wrong with what was read."""
    try:
        found = numpy_pickle.read(content)
    except pickle.UnpicklingError as error:
        return "refused" if "\n" not in str(error) else f"many lines: {error}"
    arrays = found if isinstance(found, list | tuple) else [found]
    for array in arrays:
        if isinstance(array, np.ndarray):
            if array.dtype.kind not in "iuf" or array.base is not None or not array.flags.writeable:
                return f"an array of {array.dtype}"
            array.copy().fill(0)
            str(array)
    genuine = isinstance(found, np.ndarray) and content == built(dict(GENUINE))
    return "right" if not genuine or np.array_equal(found, TRUE) else "another array"


def read_all(seed: int, answers: Connection) -> None:
    """Reads the cases of a round; tells the number of each before, and what came of it after."""
    if (pages := Path("/proc/self/statm")).exists():
        most = int(pages.read_text().split()[0]) * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    draws = random.Random(seed)
    for number in range(CASES):
        content = hostile(draws)
        answers.send((number, content.hex()))
        answers.send(what_comes_of(content))


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_no_forged_pickle_does_more_than_be_refused(seed: int) -> None:
    here, there = FORKS.Pipe()
    child = FORKS.Process(target=read_all, args=(seed, there))
    child.start()
    there.close()
    found, last = [], (0, "")
    try:
        while True:
            last = here.recv()
            found.append(here.recv())
            assert found[-1] in ("refused", "right"), (found[-1], last)
    except EOFError:
        child.join()
    assert child.exitcode == 0, f"case {last}: {signal.Signals(-child.exitcode).name if child.exitcode else ''}"
    assert len(found) == CASES
    assert found.count("right") > CASES // 20, "else the genuine one is refused, too"
    assert found.count("refused") > CASES // 2


@pytest.mark.parametrize("number", [2**20, 2**31 - 1, 2**32 - 1])
@pytest.mark.parametrize("way", ["binary", "text"])
def test_a_number_of_a_few_bytes_takes_no_memory(number: int, way: str) -> None:
    """Pickle alone makes room for as many values as the number says: 64 GB for the last one."""
    put = b"r" + number.to_bytes(4, "little") if way == "binary" else f"p{number}\n".encode()
    with pytest.raises(pickle.UnpicklingError, match=f"a part numbered {number}"):
        numpy_pickle.read(b"\x80\x02]" + put + b".")
