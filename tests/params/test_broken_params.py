"""What is wrong with the params is told in one line that names it; params that are taken let no job stumble."""

import functools
import importlib
import os

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, seed, settings

from selfrefine import networks
from selfrefine.core import config_json
from selfrefine.core.job import stage_config
from selfrefine.cost import planned_jobs
from selfrefine.diffusion import autoencoder
from selfrefine.highlighter.model import Highlighter
from selfrefine.params import check, job_config
from selfrefine.params.words import short
from tests.support.broken_params import WHOLE, broken
from tests.support.wrong_params import ROOT

CASES = 1000
SEED = int(os.environ.get("BROKEN_PARAMS_SEED", 14))  # another one looks at other cases
LONGEST = 600  # characters of a line
planned_jobs.wildcards = functools.cache(planned_jobs.wildcards)  # the rules do not change meanwhile


@functools.cache
def config(stage, text):
    """The config as the stage's own dataclass."""
    return stage_config(importlib.import_module(f"selfrefine.stages.{stage}").Config, text)


@functools.cache
def builds(stage, text, size):
    """Builds the network of a job, without weights."""
    made = config(stage, text)
    with torch.device("meta"):
        match stage:
            case "train_autoencoder" if not made.folder:
                autoencoder.build(made.kind, made.network, size, 0)
            case "train_base" if made.family not in job_config.LATENT_FAMILIES:
                networks.build(made.family, made.network, made.diffusion, size, 0)
            case "train_highlighter":
                Highlighter(made.input_size, made.shortcut_guard, made.draw)


def every_job_takes_them(params):
    """Raises what a job would raise that reads its config and builds its network."""
    for job in planned_jobs.of_params(params, ROOT):
        names = dict(job.names)
        text = config_json.to_json(job_config.job(params, job.stage, names) | {"names": {}})
        if job.stage == "prepare_data" and "folder" in job_config.job(params, job.stage, names):
            continue  # the digest of the images is not among the params
        config(job.stage, text)
        if "dataset" in names:
            builds(job.stage, text, job_config.job(params, "prepare_data", names)["size"])


def lines(params):
    """What is told of params, after checks that hold for every line."""
    line = check.check(params, ROOT)
    if line is not None:
        assert line.isprintable()
        assert len(line) <= LONGEST
    return line


@pytest.mark.parametrize("name", WHOLE)
def test_what_is_broken_was_whole(name):
    assert check.check(WHOLE[name], ROOT) is None
    every_job_takes_them(WHOLE[name])


def test_one_broken_thing_is_named_in_one_line_or_does_no_harm():
    told = {"refused": 0, "taken": 0}
    print(f"BROKEN_PARAMS_SEED={SEED}")

    @seed(SEED)
    @settings(
        max_examples=CASES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(broken())
    def one(case):
        params, key, way = case
        line = lines(params)
        told["taken" if line is None else "refused"] += 1
        if line is None:
            every_job_takes_them(params)
        else:
            named = [short(part) for part in key if isinstance(part, str)]
            lost = way in ("delete", "rename")  # who misses it is told, and where it should stand
            known = named if lost else named[1:] or named  # the row at least
            assert any(part in line for part in known), line

    one()
    assert told["refused"] > CASES / 2
    assert told["taken"] > CASES / 100
