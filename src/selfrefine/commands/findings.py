"""docs/findings.md: what the seeds that are kept in git have found, made of their tables."""

import tempfile
from pathlib import Path
from statistics import fmean

from selfrefine.commands import keep_seeds, kept_tables
from selfrefine.cost import gpu_days
from selfrefine.params import experiment as experiments
from selfrefine.report.summary import findings
from selfrefine.report.summary.findings import Costs
from selfrefine.stages import make_summary

PAGE = Path("docs", "findings.md")
PAPER, TABLE = "paper", "table2"  # whose GPU hours are told


def page(experiment: str) -> str:
    """The text of the page, of an experiment's kept seeds; in the project's folder.

    Raises:
        InputError: a file that is not what was kept.
    """
    if not keep_seeds.seeds(experiment):
        return findings.empty(experiment)
    params, _ = experiments.read_params(Path(), experiment)
    with tempfile.TemporaryDirectory() as name:
        told = kept_tables.make(experiment, Path(name))
        config = make_summary.Config({}, tuple(params["make_summary"]["processes"]))
        run = make_summary.read(config, {path.name: path for path in Path(name).iterdir()})
    return findings.page(run, costs(experiment), told)


def costs(experiment: str) -> Costs:
    """What one more seed takes, by those that are kept, and the paper's Table 2 at its own scale, by the plan."""
    kept = [keep_seeds.checked(keep_seeds.folder_of(experiment, seed)) for seed in keep_seeds.seeds(experiment)]
    seconds = fmean(sum(filter(None, about["seconds"].values())) for about in kept)
    params, _ = experiments.read_params(Path(), PAPER)
    (line,) = gpu_days.lines(params, Path(), (TABLE,)).query("table == @TABLE").to_dict("records")
    hours = {card.card: 24.0 * line[card.card] for card in gpu_days.cards(Path())}
    return Costs(seconds / 3600.0, hours, len(params["select"]["seeds"]))
