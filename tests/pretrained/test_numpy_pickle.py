"""Arrays come back bit-equal; nothing else can be built from a pickle, whatever it asks for."""

import builtins
import contextlib
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from selfrefine.pretrained import numpy_pickle

TREE = {"Conv_0": {"kernel": np.arange(12, dtype=np.float32).reshape(3, 4), "bias": np.float32([1, 2])}, "list": [1]}


@pytest.mark.parametrize("protocol", [3, 4])
def test_trees_of_arrays_are_read(protocol: int):
    tree = numpy_pickle.read(pickle.dumps(TREE, protocol=protocol))
    assert np.array_equal(tree["Conv_0"]["kernel"], TREE["Conv_0"]["kernel"])
    assert tree["Conv_0"]["bias"].dtype == np.float32
    assert tree["list"] == [1]


def test_pickles_of_numpy_1_and_2_are_read():
    new = pickle.dumps(TREE, protocol=3)
    old = new.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    assert np.array_equal(numpy_pickle.read(old)["Conv_0"]["kernel"], numpy_pickle.read(new)["Conv_0"]["kernel"])
    assert old != new


class Call:
    """Pickles as a call of `function` on `arguments`."""

    def __init__(self, function: Any, *arguments: Any):
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("call", ["system", "eval", "open", "load"])
def test_attacks_are_refused_and_nothing_runs(tmp_path: Path, call: str):
    trace = tmp_path / "trace"
    attack = {
        "system": Call(os.system, f"touch {trace}"),
        "eval": Call(builtins.eval, f"open({str(trace)!r}, 'w')"),
        "open": Call(builtins.open, str(trace), "w"),
        "load": Call(np.load, str(trace)),
    }[call]
    content = pickle.dumps({"Conv_0": {"kernel": TREE["Conv_0"]["kernel"], "bias": attack}})
    with pytest.raises(pickle.UnpicklingError, match="refused, only numpy arrays are read"):
        numpy_pickle.read(content)
    assert not trace.exists()
    if call != "load":
        pickle.loads(content)  # the attack is a real one: plain pickle runs it
        assert trace.exists()


def test_cut_off_pickles_are_refused():
    content = pickle.dumps(TREE, protocol=3)
    for length in range(len(content)):
        with pytest.raises(pickle.UnpicklingError):
            numpy_pickle.read(content[:length])


# -- forged states: numpy would believe them, and crash ----------------------------------------------------------------

CODES = ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")
PLAIN = (3, "<", None, None, None, -1, -1, 0)
OBJECTS = (3, "|", None, None, None, -1, -1, 63)


class Stated:
    """Pickles as a call of `function`, then a state for what it returns."""

    def __init__(self, function: Any, arguments: tuple[Any, ...], state: Any):
        self.parts = (function, arguments, state)

    def __reduce__(self) -> Any:
        return self.parts


RECONSTRUCT = np.empty(0).__reduce__()[0]


def dtype(code: Any = "f4", state: Any = PLAIN, rest: Any = (False, True)) -> Stated:
    return Stated(np.dtype, (code, *rest), state)


def array(state: Any, arguments: Any = (np.ndarray, (0,), b"b")) -> Stated:
    return Stated(RECONSTRUCT, arguments, state)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("code", CODES)
def test_every_plain_type_of_numbers_comes_back_bit_equal(code: str, order: str):
    for given in (np.arange(6).reshape(2, 3), np.zeros((0, 3)), np.array(7), np.arange(6).reshape(2, 3).T):
        stored = given.astype(f"{order}{code}")
        found = numpy_pickle.read(pickle.dumps(stored, protocol=3))
        assert found.dtype == stored.dtype
        assert np.array_equal(found, stored)
        assert found.flags.writeable


FORGED: dict[str, Any] = {
    "names without fields": dtype(state=(3, "<", None, ("a",), None, -1, -1, 0)),
    "fields that lie": dtype(state=(3, "<", None, ("a",), {"a": (1, 2**40)}, 4, 1, 0)),
    "a subarray of itself": dtype(state=(3, "<", ("f4", (2**40,)), None, None, -1, -1, 0)),
    "a size of its own": dtype("V4", (3, "|", None, (), {}, 2**31 - 1, 1, 0)),
    "flags of objects": dtype(state=(3, "<", None, None, None, -1, -1, 63)),
    "a short state": dtype(state=(3, "<")),
    "a state that is no tuple": dtype(state=[1, 2]),
    "no state": dtype(state=None),
    "another version": dtype(state=(99, *PLAIN[1:])),
    "objects": dtype("O8", OBJECTS),
    "texts": dtype("U9", PLAIN),
    "dates": dtype("M8", (4, "<", None, None, None, -1, -1, 0, ({}, (b"ns", 1, 1, 1)))),
    "long doubles": dtype("f16", PLAIN),
    "no name": dtype(7),
}


@pytest.mark.parametrize("forged", FORGED)
def test_a_forged_type_is_refused_and_the_process_lives(forged: str):
    for content in (array((1, (2,), FORGED[forged], False, bytes(8))), FORGED[forged]):
        with pytest.raises(pickle.UnpicklingError):
            numpy_pickle.read(pickle.dumps(content))


@pytest.mark.parametrize(
    "forged",
    [
        array((1, (2**40,), dtype(), False, bytes(8))),
        array((1, (-2,), dtype(), False, bytes(8))),
        array((1, (2, -1, -1), dtype(), False, bytes(8))),
        array((1, (2.0,), dtype(), False, bytes(8))),
        array((1, 2, dtype(), False, bytes(8))),
        array((1, (2,), dtype(), False, bytes(7))),
        array((1, (2,), dtype(), False, [1.0, 2.0])),
        array((1, (2,), "f4", False, bytes(8))),
        array((1, (2,), dtype(), [], bytes(8))),
        array((1, (2,))),
        array(None),
        array((1, (2,), dtype(), False, bytes(8)), (np.ndarray, (2**40,), b"b")),
        array((1, (2,), dtype(), False, bytes(8)), (np.ndarray, (4,), b"O")),
        array((1, (2,), dtype(), False, bytes(8)), (np.dtype, (0,), b"b")),
        Call(np.ndarray, (4,), "O"),
        Call(np.dtype, "f4"),
        {3.5: 1},
        {"a": b"bytes"},
        {"a": {1, 2}},
        {"a": 1j},
    ],
    ids=lambda forged: type(forged).__name__,
)
def test_a_forged_array_or_another_thing_is_refused(forged: Any):
    with pytest.raises(pickle.UnpicklingError):
        numpy_pickle.read(pickle.dumps(forged))


def test_a_state_for_what_is_only_named_changes_nothing():
    for name in (b"cnumpy\ndtype\n", b"cnumpy\nndarray\n", b"cnumpy.core.multiarray\n_reconstruct\n"):
        with pytest.raises(pickle.UnpicklingError):
            numpy_pickle.read(b"\x80\x02" + name + b"}(X\x08\x00\x00\x00__call__K\x01ub.")
    assert numpy_pickle.read(pickle.dumps(TREE, protocol=3))["list"] == [1]


def test_a_tree_that_shares_branches_or_is_deep_ends():
    shared: Any = [1]
    for _ in range(40):
        shared = [shared, shared]
    deep = b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b"."
    itself: Any = []
    itself.append(itself)
    for content in (pickle.dumps(shared), deep, pickle.dumps(itself)):
        with pytest.raises(pickle.UnpicklingError):
            numpy_pickle.read(content)


@pytest.mark.filterwarnings("ignore:invalid escape sequence")
def test_random_bytes_and_flipped_bits_never_do_more_than_be_refused():
    draws, whole = np.random.default_rng(0), pickle.dumps(TREE, protocol=3)
    for _ in range(3000):
        content = bytearray(whole)
        for place in draws.integers(0, len(content), draws.integers(1, 4)):
            content[place] = draws.integers(256)
        with contextlib.suppress(pickle.UnpicklingError):
            numpy_pickle.read(bytes(content))
