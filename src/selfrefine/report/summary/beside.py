"""What two other experiments add to the findings, exploratory: sizes of planted flaws, and the paper's search space."""

from collections.abc import Collection, Iterator, Mapping

from selfrefine.core.planted_names import LESS_CENTRE, LESS_OTHERS, LESS_REAL
from selfrefine.report import seed_statistics
from selfrefine.report.summary import sentences, words
from selfrefine.report.summary.run import Run, change
from selfrefine.report.tables import planted_sizes, sweep
from selfrefine.report.tables.planted_sizes import PATCHES

MORE = {  # what a patch has to be hit more often than
    LESS_CENTRE: "by a Gaussian centre",
    LESS_OTHERS: "by the maps of other images",
    LESS_REAL: "a piece of a real image",
}


def planted(run: Run) -> Iterator[str]:
    """Of each data set and model: which planted flaws its map finds, by kind and side, and what it could have found."""
    sizes = planted_sizes.lines(run.tables["table6"])
    yield (
        "A patch is found where it is hit more often than by a Gaussian centre, than by the maps of other images and, "
        "if it is a piece of a generated image, than a piece of a real one. In brackets: its side, as a share of the "
        "image's."
    )
    for (dataset, model), part in seed_statistics.places(sizes, "dataset", "model"):
        kinds = planted_sizes.of_kinds(part)
        more = [f"than {other}: {_where(kinds, [figure])}" for figure, other in MORE.items()]
        shown = [figures[LESS_OTHERS]["detectable"] for sides in kinds.values() for figures in sides.values()]
        yield (
            f"{run.title(model)} on {run.title(dataset)}, {words.seeds(int(part['n_seeds'].max()))}: found: "
            f"{_where(kinds, MORE)}. Hit more often {'; '.join(more)}. A difference to other images' maps is "
            f"shown in four of five such runs from {min(shown):.3f} to {max(shown):.3f} on."
        )


def _where(kinds: Mapping[str, planted_sizes.Sides], asked: Collection[str]) -> str:
    """The kinds of patches that are hit more often than by all that is asked, each with its sides."""
    told = {kind: planted_sizes.found_at(sides, asked) for kind, sides in kinds.items()}
    return ", ".join(f"{PATCHES[kind].lower()} ({at})" for kind, at in told.items() if at) or "nothing"


def search_space(run: Run) -> Iterator[str]:
    """How near its end the training was; of each factor and series of the sweep: what its settings do to FD, under
    their verdicts.
    """
    yield sentences.plateau(run)
    table = run.tables["sweep"]
    series = table[table["network"] == run.primary_network]
    for (family, factor, name), part in seed_statistics.places(series, "family", "factor", "series"):
        changes = {sweep.setting_words(factor, line["setting"]): change(line) for line in seed_statistics.records(part)}
        yield f"{run.title(family)}. {sweep.FACTORS[factor]} ({name}): {words.grouped(changes, run)}."
