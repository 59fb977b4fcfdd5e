"""Arrays come back bit-equal; nothing else can be built from a pickle, whatever it asks for."""

import builtins
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
