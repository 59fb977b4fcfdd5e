"""What two other experiments add to the findings, exploratory: sizes of planted flaws, and the paper's search space."""

from collections.abc import Iterator

from selfrefine.core.planted_names import LESS_OTHERS
from selfrefine.report import seed_statistics
from selfrefine.report.summary import words
from selfrefine.report.summary.run import Run, change
from selfrefine.report.tables import planted_sizes, sweep
from selfrefine.report.tables.planted_sizes import PATCHES


def planted(run: Run) -> Iterator[str]:
    """Of each data set and model: which planted flaws its map finds, by size and kind, and what it could have found."""
    sizes = planted_sizes.lines(run.tables["table6"])
    for (dataset, model), part in seed_statistics.places(sizes, "dataset", "model"):
        kinds = planted_sizes.of_kinds(part)
        told = {kind: planted_sizes.found_at(sides) for kind, sides in kinds.items()}
        found = [f"{PATCHES[kind].lower()} ({at})" for kind, at in told.items() if at]
        other = [PATCHES[kind].lower() for kind, at in told.items() if not at]
        shown = [figures[LESS_OTHERS]["detectable"] for sides in kinds.values() for figures in sides.values()]
        where = f"{run.title(model)} on {run.title(dataset)}, {words.seeds(int(part['n_seeds'].max()))}"
        yield (
            f"{where}: found, at sides of: {', '.join(found) or 'nothing'}; not shown to be found: "
            f"{', '.join(other) or 'nothing'}. A difference to other images' maps is shown in four of five such runs "
            f"from {min(shown):.3f} to {max(shown):.3f} on."
        )


def search_space(run: Run) -> Iterator[str]:
    """Of each factor and series of the sweep: what its settings do to FD, under their verdicts."""
    table = run.tables["sweep"]
    series = table[table["network"] == run.primary_network]
    for (family, factor, name), part in seed_statistics.places(series, "family", "factor", "series"):
        changes = {sweep.setting_words(factor, line["setting"]): change(line) for line in seed_statistics.records(part)}
        yield f"{run.title(family)}. {sweep.FACTORS[factor]} ({name}): {words.grouped(changes, run)}."
