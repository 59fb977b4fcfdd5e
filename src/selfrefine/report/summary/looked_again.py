"""What a protocol looks at beside its contrasts: rows at their best factor of the noise, a second sampler, features."""

from collections.abc import Iterator

from selfrefine.metrics.contrasts import best_scales
from selfrefine.report.seed_statistics import Line
from selfrefine.report.summary import sentences, words
from selfrefine.report.summary.run import Run, change
from selfrefine.report.tables.contrasts import SECOND


def again(run: Run) -> Iterator[str]:
    """Sentences, exploratory: without training and each at its own best factor; a second sampler; other features."""
    yield sentences.untrained(run)
    own = [line for line in _rows(run, run.primary_network) if line[SECOND[0]] == line[SECOND[0]]]
    if own:
        told = ", ".join(f"{_name(run, line)} ({words.signed(change(_second(line), 'low', 'high'))})" for line in own)
        yield f"The same networks under a second sampler, {run.distance} against {run.title(run.reference)}: {told}."
    for network in sorted({line["network"] for line in run.lines("controls")} - {run.primary_network}):
        changes = {_name(run, line): change(line, "low", "high") for line in _rows(run, network)}
        yield f"In the features of {network}, against {run.title(run.reference)}: {words.grouped(changes, run)}."


def best_noise(run: Run) -> str:
    """What the best factor of the noise does for the reference without training, and what is left of the processes
    where they and the reference each have their own; "" where that was not run.
    """
    best = best_scales(run.rows["samplings"])
    own = best.get(run.reference, "")
    alone = run.contrast(own, run.reference)
    left = {run.title(arm): found for arm in run.processes if (found := run.contrast(best.get(arm, ""), own))}
    if alone is None or not left:
        return ""
    return (
        f"Without any training, {run.title(run.reference)} at the best factor of its predicted noise changes "
        f"{run.distance} by {words.signed(alone)}; against that, each at its own best factor: "
        f"{words.grouped(left, run)}."
    )


def _rows(run: Run, network: str) -> list[Line]:
    """The variants against the reference, not halved."""
    found = run.lines("controls", reference=run.reference, divisor=1, network=network)
    return [line for line in found if line["n_seeds"] and line["row"] in run.rows["variants"]]


def _name(run: Run, line: Line) -> str:
    return run.title(line["row"])


def _second(line: Line) -> Line:
    """The line with the figures of the second sampler in the place of its own."""
    return {**line, **dict(zip(("difference", "low", "high"), (line[name] for name in SECOND), strict=True))}
