"""What each of the paper's tables takes on a GPU: FLOPs over the share of its published rate that was measured.

`docs/gpu/` has the FLOPs per second of each network of the paper on one card: divided by that card's dense rate they
are the share that is used, by network and kind of pass. Other cards are taken to use the same share of theirs.
"""

import functools
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import pandas as pd

from selfrefine.core import files
from selfrefine.cost import plan_table, planned_jobs, work
from selfrefine.cost.flops import Kind
from selfrefine.cost.loads import Load, Run
from selfrefine.cost.network_speed import DECODING, SAMPLING, TRAINING
from selfrefine.cost.planned_jobs import Planned
from selfrefine.params import one_table

RATES = Path("workflow", "resources", "gpu_rates.csv")
MEASURED, MEASURED_CARD = Path("docs", "gpu", "nvidia_h100_80gb.json"), "H100 80 GB"
ACTIONS: dict[str, Kind] = {TRAINING: "train", SAMPLING: "evaluate", DECODING: "measure"}
DAY = 86400.0
TOGETHER = "together"


class Card(NamedTuple):
    """A line of gpu_rates.csv: dense rates in 10^12 FLOPs per second, on tensor cores and without them."""

    card: str
    bfloat16_tflops: float
    float32_tflops: float
    memory_gib: int
    source: str

    def flops(self, kind: Kind) -> float:
        """FLOPs per second of a kind of pass; what measures computes in float32."""
        return 1e12 * (self.float32_tflops if kind == "measure" else self.bfloat16_tflops)


class Shares:
    """How much of a card's dense rate passes use.

    Args:
        measured: (words on the network, kind) -> FLOPs per second, on `card`.
        card: what was measured on.
    """

    def __init__(self, measured: Mapping[tuple[str, Kind], float], card: Card) -> None:
        self.measured = {key: rate / card.flops(key[1]) for key, rate in measured.items()}

    def of(self, network: str, kind: Kind) -> float:
        """The share that was measured of a network; of another one the median of that kind of pass."""
        return self.measured.get((network, kind), median(self.all_of(kind)))

    def all_of(self, kind: Kind) -> list[float]:
        """Those of all networks in a kind of pass."""
        return [share for (_, other), share in self.measured.items() if other == kind]


def cards(root: Path) -> list[Card]:
    """The cards that days are told of."""
    return [Card(*line) for line in files.read_table(root / RATES).itertuples(index=False)]


def shares(root: Path) -> Shares:
    """What was measured, of `MEASURED`."""
    (card,) = (card for card in cards(root) if card.card == MEASURED_CARD)
    lines = files.read_json(root / MEASURED)["speed"]
    return Shares({(line["network"], ACTIONS[line["action"]]): 1e12 * line["teraflops"] for line in lines}, card)


def words_on(params: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """A diffusion network as `docs/gpu/` names it: "DDPM, 128 px"; "" of a job without one."""
    if not {"dataset", "model"} <= names.keys():
        return ""
    size = Run(params, {"dataset": names["dataset"]}).size
    return f"{params['models'][names['model']]['title']}, {size} px"


def is_measured(params: Mapping[str, Any], root: Path) -> bool:
    """Whether any network of an experiment is one that was measured: else the shares say nothing of it."""
    if not (root / MEASURED).is_file():  # a copy of the project without its pages
        return False
    known = {network for network, _ in shares(root).measured}
    return any(words_on(params, dict(job.names)) in known for job in planned_jobs.of_params(params, root))


def lines(params: Mapping[str, Any], root: Path, shown: Sequence[str] = one_table.TABLES) -> pd.DataFrame:
    """A line for each table of the experiment that is `shown`, and one for all, which counts jobs of several once.

    Returns:
        `table`; `jobs`; `flops`; `own_flops`: of jobs that no other table has; a column of days for each card.
    """
    tables = {table: planned_jobs.of_table(params, root, table) for table in shown}
    asked = {job: work.of_job(small, job).loads for jobs in tables.values() for job, small in jobs.items()}
    ready, used = shares(root), cards(root)
    days = functools.cache(lambda job: [_days(params, job, asked[job], ready, card) for card in used])

    def line(table: str, jobs: Iterable[Planned], own: Collection[Planned]) -> dict[str, Any]:
        flops = {job: sum(load.flops for load in _on_a_gpu(asked[job])) for job in jobs}
        sums = [sum(column) for column in zip(*map(days, flops), strict=True)]
        return {
            **{"table": table, "jobs": len(flops), "flops": sum(flops.values())},
            "own_flops": sum(flops[job] for job in own),
            **dict(zip([card.card for card in used], sums, strict=True)),
        }

    found = []
    for table, jobs in tables.items():
        others = {job for other, theirs in tables.items() if other != table for job in theirs}
        found += [line(table, jobs, [job for job in jobs if job not in others])] if jobs else []
    return pd.DataFrame([*found, line(TOGETHER, asked, asked)])


def text(table: pd.DataFrame, root: Path) -> str:
    """The table of `lines`, aligned, and in words what its figures rest on."""
    shown = table.assign(table=table["table"].str.ljust(len(TOGETHER)))
    shown = shown.assign(**{name: shown[name].map(plan_table.scaled) for name in ("flops", "own_flops")})
    used = [card.card for card in cards(root)]
    shown = shown.assign(**{name: shown[name].map("{:.1f}".format) for name in used})
    shown = shown.rename(columns={"table": "", "flops": "FLOPs", "own_flops": "only here"})
    spans = {action: shares(root).all_of(kind) for action, kind in ACTIONS.items()}
    told = ", ".join(f"{action} {min(found):.1%} to {max(found):.1%}" for action, found in spans.items())
    return (
        "Days of one GPU for each of the paper's tables alone, `snakemake all_table1 --cores 1` and so on:\n\n"
        f"{shown.to_string(index=False)}\n\n"
        "only here: of jobs that no other table needs; together: each job once. Days are FLOPs over the card's\n"
        f"published dense rate ({RATES}) times the share of it that these networks were\n"
        f"measured to use on an H100 ({MEASURED.parent}/): {told}.\n"
        "No other card was measured. At the paper's small batches a fast card mostly waits for its next kernel, and a\n"
        "slower one waits less: the days of the other cards are rather fewer. What processors do is not counted.\n"
    )


def _on_a_gpu(loads: Iterable[Load]) -> list[Load]:
    return [load for load in loads if not load.network.on_processors]


def _days(params: Mapping[str, Any], job: Planned, loads: Iterable[Load], ready: Shares, card: Card) -> float:
    """Of one job; networks beside the diffusion network are taken for the median of what was measured."""
    names = dict(job.names)
    words = words_on(params, names)
    own = Run(params, names).network().name if words else ""
    seconds = (
        load.flops / (card.flops(load.kind) * ready.of(words if load.network.name == own else "", load.kind))
        for load in _on_a_gpu(loads)
    )
    return sum(seconds) / DAY
