"""What more seeds would tell, and what they cost; how far one run without seeds may be from the next."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import stdev

from selfrefine.metrics.contrasts import CONFIRMATORY
from selfrefine.metrics.intervals import CONFIDENCE, EQUIVALENCE_CONFIDENCE, INCONCLUSIVE, NOT_ASSESSED, reach
from selfrefine.report.seed_statistics import POWER, Line
from selfrefine.report.summary import words
from selfrefine.report.summary.papers_claim import claims
from selfrefine.report.summary.run import Run, change

MOST_SEEDS = 1000  # more are not asked for
ERROR = 1.0 - CONFIDENCE


@dataclass(frozen=True)
class Costs:
    """What more of it takes.

    Args:
        seed_hours: of the jobs of one more seed of this experiment, one after another, as the kept ones took.
        paper_hours: card -> hours of one, for the paper's Table 2 at its own scale, by the plan.
        paper_seeds: seeds in that.
    """

    seed_hours: float
    paper_hours: Mapping[str, float]
    paper_seeds: int


def listed(run: Run) -> list[Line]:
    """The contrasts that were listed before the run, in their order."""
    return run.lines("controls", dataset=None, model=None, network=run.primary_network, kind=CONFIRMATORY)


def uncertain(run: Run) -> Iterator[str]:
    """How far the paper's own changes may be from those of other runs of its models, if these spread as ours do."""
    for row, share in claims(run).items():
        start = f"The paper's {100.0 * share:+.1f} % for {run.title(row)} is one training run a row, without seeds"
        line = next(iter(_judged(run, row)), None)
        spread = _spread(line) if line else math.nan
        if line is None or not math.isfinite(spread):
            yield f"{start}; how far one run is from the next, fewer than two seeds of ours cannot tell."
            continue
        half = reach(line["n_seeds"]) * math.sqrt(line["n_seeds"]) * spread  # of one more difference, not of a mean
        low, high = (100.0 * math.expm1(math.log1p(share) + sign * half) for sign in (-1.0, 1.0))
        yield f"{start}: were its runs to spread as our seeds do, it would be {low:+.1f} to {high:+.1f} % (95 %)."


def _judged(run: Run, row: str) -> list[Line]:
    return run.lines("controls", row=row, reference=run.reference, divisor=1, network=run.primary_network)


def _spread(line: Line) -> float:
    """Standard deviation between seeds of a difference of log FD; NaN for fewer than two."""
    values = [float(item.partition(":")[2]) for item in line["by_seed"].split()]
    return stdev(values) if len(values) > 1 and all(map(math.isfinite, values)) else math.nan


def more(run: Run, costs: Costs) -> Iterator[str]:
    """For each listed contrast without an answer the seeds that would give one; what the paper's scale takes."""
    asked = listed(run)
    for line in asked:
        if line["verdict"] in (INCONCLUSIVE, NOT_ASSESSED) and math.isfinite(_spread(line)):
            yield f"{words.contrast(run, line)}: {_seeds_that_tell(run, line, len(asked), costs)}"
    yield (
        f"This page is of {words.seeds(len(run.select['seeds']))}; one more takes {costs.seed_hours:.1f} hours of "
        "jobs, as the kept ones did. Seeds that point the other way would turn what it says."
    )
    hours = words.listed([f"{number:,.0f} on one {card}" for card, number in costs.paper_hours.items()])
    yield (
        "What holds here need not at the paper's scale, nor the other way round. The paper's Table 2 with "
        f"{words.seeds(costs.paper_seeds)} takes, by `selfrefine plan --experiment paper`, so many GPU hours: {hours}."
    )


def _seeds_that_tell(run: Run, line: Line, family: int, costs: Costs) -> str:
    """How many seeds would show, four times of five, the change found so far, or none larger than the margin.

    Args:
        line: of controls.csv, with two seeds or more.
        family: the number of listed contrasts, for which the first number is corrected (Bonferroni).
    """
    spread, found = _spread(line), words.signed(change(line, "low", "high"))
    goals = (
        (
            f"if the true change is the {found} found so far",
            abs(line["difference"]),
            (1.0 - ERROR / family, 2.0 * POWER - 1.0),
        ),
        (
            f"to show none above {words.margin(run)} if there is none",
            run.equivalence_margin,
            (EQUIVALENCE_CONFIDENCE, POWER),
        ),
    )
    told = []
    for what, goal, levels in goals:
        enough = (n for n in range(2, MOST_SEEDS + 1) if sum(reach(n, level) for level in levels) * spread < goal)
        count = next(enough, None)
        if count is None:
            told.append(f"more than {MOST_SEEDS:,} seeds {what}")
        else:
            hours = max(0, count - int(line["n_seeds"])) * costs.seed_hours
            told.append(f"{words.seeds(count)} {what} ({hours:,.0f} more hours of jobs)")
    return f"{', or '.join(told)}, at the spread between these seeds, {100.0 * spread:.1f} %."
