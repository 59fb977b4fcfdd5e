"""From JSON to a frozen dataclass and back; what does not fit is told in one line."""

import json
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from selfrefine.core import config_json
from selfrefine.core.errors import InputError


def test_equal_configs_are_equal_texts():
    assert config_json.to_json({"b": 1, "a": {"d": [1.5, True], "c": None}}) == '{"a":{"c":null,"d":[1.5,true]},"b":1}'


@dataclass(frozen=True)
class Config:
    names: dict[str, str]
    steps: int
    rate: float
    flip: bool
    folder: str
    mode: Literal["none", "xt"]
    widths: tuple[int, ...]
    pairs: tuple[tuple[str, ...], ...]
    network: dict[str, Any] = field(default_factory=dict)


VALUES = {
    "names": {"seed": "0"},
    "steps": 3,
    "rate": 0.5,
    "flip": True,
    "folder": "x",
    "mode": "xt",
    "widths": [1, 2],
    "pairs": [["a", "b"]],
    "network": {"depth": 1},
}


def test_json_becomes_the_dataclass_and_back():
    built = config_json.from_json(Config, json.dumps(VALUES))
    assert built == Config({"seed": "0"}, 3, 0.5, True, "x", "xt", (1, 2), (("a", "b"),), {"depth": 1})
    assert json.loads(config_json.to_json(built)) == VALUES


def test_a_whole_number_may_stand_for_a_float():
    rate = config_json.from_json(Config, json.dumps(VALUES | {"rate": 1})).rate
    assert (rate, type(rate)) == (1.0, float)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"steps": 3.0}, "steps is 3.0 (float); int needed"),
        ({"steps": True}, "steps is True (bool); int needed"),
        ({"rate": "0.5"}, "rate is '0.5' (str); float needed"),
        ({"rate": True}, "rate is True (bool); float needed"),
        ({"flip": 1}, "flip is 1 (int); bool needed"),
        ({"folder": None}, "folder is None (NoneType); str needed"),
        ({"mode": "x0"}, "mode is 'x0'; allowed: none, xt"),
        ({"widths": 1}, "widths is 1 (int); tuple needed"),
        ({"widths": [1, "2"]}, "widths is '2' (str); int needed"),
        ({"network": []}, "network is [] (list); dict needed"),
    ],
)
def test_a_value_of_another_type_is_refused(changed, told):
    with pytest.raises(InputError) as refused:
        config_json.from_json(Config, json.dumps(VALUES | changed))
    assert str(refused.value) == f"params.yaml: {told}"


def test_missing_and_unread_leaves_are_refused():
    with pytest.raises(InputError, match=r"^params.yaml: extra is not read by this stage; known here: flip, "):
        config_json.from_json(Config, json.dumps(VALUES | {"extra": 1}))
    with pytest.raises(InputError, match=r"^params.yaml: steps is missing; known here: flip, "):
        config_json.from_json(Config, json.dumps({key: value for key, value in VALUES.items() if key != "steps"}))


@dataclass(frozen=True)
class Other:
    names: dict[str, str]
    folder: str
    share: float


def test_of_two_dataclasses_the_nearer_one_is_built_or_told_about():
    given = {"names": {}, "folder": "x", "share": 0.5}
    assert config_json.from_json(Config | Other, json.dumps(given)) == Other({}, "x", 0.5)
    assert isinstance(config_json.from_json(Config | Other, json.dumps(VALUES)), Config)
    with pytest.raises(InputError, match=r"pad is not read by this stage; known here: folder, names, share$"):
        config_json.from_json(Config | Other, json.dumps(given | {"pad": 2}))
