"""The part of Table 6 on planted flaws of several sizes: from which side on, and of what kind, a map finds them."""

import math
from collections.abc import Collection, Mapping

import pandas as pd
from scipy.special import nctdtrinc, ndtri, stdtrit  # type: ignore[import-untyped]

from selfrefine.core.names import FAKE_SPLICE, REAL_SPLICE
from selfrefine.core.planted_names import CHANCE, HIT, LESS_CENTRE, LESS_OTHERS, LESS_REAL, read
from selfrefine.metrics.intervals import CONFIDENCE
from selfrefine.report.markdown import EMPTY, figure, markdown_table, number
from selfrefine.report.seed_statistics import POWER, Line, records

Sides = Mapping[float, Mapping[str, Line]]  # side -> figure -> line, of one kind of patch
PATCHES = {
    FAKE_SPLICE: "Piece of a generated image",
    REAL_SPLICE: "Piece of a real image",
    "blur": "Blurred",
    "noise": "Noise",
    "warp": "Turned",
}
AGAINST = {LESS_CENTRE: "Less a centre", LESS_OTHERS: "Less other images' maps", LESS_REAL: "Less a real piece"}
NONE_MEASURED = "Planted flaws of several sizes: evaluate_highlighter.planted_shares in params.yaml names none."
HEAD = ("Patch", "Side", "Hits of three", *AGAINST.values(), "Found", "Shown from")
READ = (
    "The same test with patches of several sides, as shares of the image's. A hit rate says little, since a large "
    "patch is hit by chance and a map may always point at the middle; so it stands less that of a Gaussian centre, "
    "less that of the maps of all other images with such a patch, and of a generated piece less that of a real one. "
    "*Found*: the 95 % intervals of all of these lie above 0. *Shown from*: the smallest true difference to other "
    f"images' maps that a run of this size finds in {POWER:.0%} of cases; where it is large, not found means little. "
    "A real piece that is found shows that a seam is enough. One of 40 such intervals lies above 0 by chance.\n"
)


def lines(table: pd.DataFrame) -> pd.DataFrame:
    """The lines of table6.csv on patches of several sizes, with `share`, `kind`, `figure` and `detectable`."""
    parts = [(line, found) for line in records(table) if (found := read(line["metric"]))]
    rows = [line | found._asdict() | {"detectable": detectable(line)} for line, found in parts]
    columns = [*table.columns, "share", "kind", "figure", "detectable"]
    return pd.DataFrame(rows, columns=columns).sort_values(["share"], kind="stable")


def detectable(line: Line) -> float:
    """The smallest true difference whose interval lies above 0 with POWER, at this line's errors.

    Of several seeds by the noncentral t distribution, of one, whose interval is over images, by the normal one; NaN
    without an interval.
    """
    half, freedom = (line["high"] - line["low"]) / 2.0, line["n_seeds"] - 1
    tail = 0.5 + CONFIDENCE / 2.0
    if math.isnan(half):
        return math.nan
    if freedom:
        reach = float(stdtrit(freedom, tail))
        return float(half / reach * nctdtrinc(freedom, 1.0 - POWER, reach))
    return float(half * (1.0 + ndtri(POWER) / ndtri(tail)))


def is_found(figures: Mapping[str, Line], asked: Collection[str] = AGAINST.keys()) -> bool:
    """Whether patches of one kind and side are hit more often than by all that is asked and was measured of them."""
    measured = [figures[name]["low"] for name in asked if name in figures]
    return bool(measured) and all(low > 0.0 for low in measured)


def found_at(sides: Sides, asked: Collection[str] = AGAINST.keys()) -> str:
    """The sides at which one kind of patch is found, "" for none."""
    return ", ".join(f"{share:g}" for share, figures in sides.items() if is_found(figures, asked))


def of_kinds(sizes: pd.DataFrame) -> dict[str, Sides]:
    """Kind of patch -> side -> figure -> line, of the lines of one data set and model."""
    return {
        kind: {
            share: {
                line["figure"]: line for line in records(sizes[(sizes["kind"] == kind) & (sizes["share"] == share)])
            }
            for share in sizes["share"].unique().tolist()
        }
        for kind in PATCHES
    }


def section(part: pd.DataFrame) -> str:
    """What the page says of one data set and model; "" where no sizes were measured.

    Args:
        part: its lines of table6.csv.
    """
    sizes = lines(part)
    if sizes.empty:
        return ""
    rows, words = [], []
    for kind, sides in of_kinds(sizes).items():
        for share, figures in sides.items():
            differences = [figure(figures[name], "+.3f") if name in figures else EMPTY for name in AGAINST]
            power = number(figures[LESS_OTHERS]["detectable"], "+.3f")
            told = "yes" if is_found(figures) else "no"
            rows.append((PATCHES[kind], f"{share:g}", figure(figures[HIT], ".3f"), *differences, told, power))
        at = found_at(sides)
        words.append(f"- {PATCHES[kind]}: {f'found at sides of {at}' if at else 'not shown to be found'}.\n")
    chance = sizes[sizes["kind"] == CHANCE]
    rows += [
        ("Three cells at random", f"{line['share']:g}", number(line["value"], ".3f"), *[EMPTY] * 5)
        for line in records(chance)
    ]
    return "\n".join([READ, "".join(words), markdown_table(HEAD, rows)])
