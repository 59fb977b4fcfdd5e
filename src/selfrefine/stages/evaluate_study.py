"""What the participants of a study picked, against the flaw map and what it must be better than (Figure 9)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from selfrefine.core import arrays, files
from selfrefine.core.job import Job, main
from selfrefine.evidence.exclusions import CatchRule
from selfrefine.study import answers, folder, outcomes


@dataclass(frozen=True)
class Config:
    """See params.yaml, evaluate_study; `run` names data set, model and seed of the images."""

    names: dict[str, str]
    run: dict[str, str]
    answers: str
    catch_cells: int
    catch_share: float


@dataclass(frozen=True)
class Inputs:
    """The folder of the study. The answers are in the folder that the config names, which no rule makes."""

    study: Path


@dataclass(frozen=True)
class Outputs:
    """Tidy table, `variant` the map; of each generated image the share of people who picked each cell."""

    metrics: Path
    picks: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Reads the answers, leaves out who did not look, and compares."""
    config, study = job.config, job.inputs.study
    key, maps = folder.read_key(study), folder.read_maps(study)
    none = pd.DataFrame(columns=answers.COLUMNS)
    given = answers.read(Path(config.answers), key.study) if config.answers else none
    seed, rule = int(config.run["seed"]), CatchRule(config.catch_cells, config.catch_share)
    found = outcomes.measure(given, key, maps, rule, seed=seed)
    names = {"study": config.names["study"], **config.run, "seed": seed}
    rows = [
        {**names, "variant": variant, "metric": metric, **vars(estimate), **vars(found.counts)}
        for variant, estimates in found.estimates.items()
        for metric, estimate in estimates.items()
    ]
    files.write_table(job.outputs.metrics, pd.DataFrame(rows))
    participants = np.array(found.counts.n_participants)
    arrays.write_arrays(job.outputs.picks, {"rates": found.rates, "participants": participants})


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
