"""Params with one thing broken, drawn by hypothesis: another value, a name, something lost or added, at any depth."""

import copy
import math

from hypothesis import strategies as st

from tests.support.wrong_params import project_params

EXPERIMENTS = ("embedded", "smoke")
FEW = (
    "baseline",
    "forward",
    "both",
    "reverse",
    "label_shuffled",
    "reverse_no_mid",
    "uniform",
    "both_ancestral",
    "baseline_best_noise",
)
SIGNS = st.characters(exclude_categories=())  # half surrogates and control characters among them
NUMBERS = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from([0, -1, 1.0, 2.0, 64.0, 1e30, 5e-324, 10**400, -0.0, math.nan, math.inf, -math.inf, 2**31, 2**63]),
)
TEXTS = st.one_of(
    st.text(SIGNS, max_size=20),
    st.sampled_from(
        [
            *("", " ", "a\n", "a\r", "\ud800", "$x_{$", "$(touch X)", "`touch X`", "1e-4", "no", "~", "x" * 300),
            *(
                "x" * 5000,
                "train",
                "test",
                "include",
                "fork",
                "file",
                "../x",
                "/",
                "-x",
                "{label} {x}",
                "{",
                "x\u2028y",
            ),
        ]
    ),
)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
VALUES = st.one_of(
    SCALARS,
    st.lists(SCALARS, max_size=4),
    st.dictionaries(TEXTS, SCALARS, max_size=3),
    st.recursive(SCALARS, lambda below: st.lists(below, max_size=2) | st.dictionaries(TEXTS, below, max_size=2)),
)
NAMES = st.one_of(TEXTS, st.sampled_from(["steps", "only", "title", "train_base", "network", "both", "ddpm", "folder"]))


def _fewer_rows(experiment):
    """The params of an experiment with few variants and samplings."""
    params = project_params(experiment)
    for section in ("variants", "samplings"):
        kept = [*FEW, *params["select"][section][:2]]
        params[section] = {name: row for name, row in params[section].items() if name in kept}
        params["select"][section] = [name for name in params["select"][section] if name in kept]
    return params | {"experiment": "embedded"}  # an empty overlay: no file to look into for each case


WHOLE = {name: _fewer_rows(name) for name in EXPERIMENTS}


def _paths(value, key=()):
    """All that stands in the params: mappings, lists, their entries and leaves."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, below in entries:
        yield (*key, name)
        yield from _paths(below, (*key, name))


PATHS = {name: list(_paths(params)) for name, params in WHOLE.items()}


def at(params, key):
    for part in key:
        params = params[part]
    return params


class Params(dict):
    """Params that a failed test does not print as a whole."""

    def __repr__(self):
        return "<params>"


@st.composite
def broken(draw):
    """Params, the key at which something was changed, and what was done there."""
    experiment = draw(st.sampled_from(EXPERIMENTS))
    key = draw(st.sampled_from(PATHS[experiment]))
    params = Params(copy.deepcopy(WHOLE[experiment]))
    *above, last = key
    holder, value = at(params, above), at(params, key)
    ways = ["replace", "delete", "wrap", "borrow"]
    ways += ["rename", "insert"] if isinstance(holder, dict) else ["repeat"]
    ways += ["point", "nudge"] if type(value) is int else []
    alike = [other for other in PATHS[experiment] if other[-1] == last and at(WHOLE[experiment], other) != value]
    ways += ["alike"] * 2 if alike else []
    way = draw(st.sampled_from(ways))
    match way:
        case "replace":
            holder[last] = draw(VALUES)
        case "delete":
            del holder[last]
        case "wrap":
            holder[last] = draw(st.sampled_from([[value], {"x": value}, str(value)]))
        case "rename":
            key = (*above, draw(NAMES.filter(lambda name: name not in holder)))  # else two things are broken
            holder[key[-1]] = holder.pop(last)
        case "insert":
            key = (*above, draw(NAMES))
            holder[key[-1]] = draw(st.one_of(VALUES, st.just(value)))
        case "repeat":
            holder.append(value)
        case "borrow":
            holder[last] = copy.deepcopy(at(params, draw(st.sampled_from(PATHS[experiment]))))
        case "alike":
            holder[last] = copy.deepcopy(at(params, draw(st.sampled_from(alike))))
        case "nudge":
            holder[last] = draw(st.sampled_from([value + 1, value - 1, 2 * value, 3 * value, value // 2, 16 * value]))
        case "point":
            holder[last] = float(value)
    return params, key, way
