"""Functions of the Snakefile and the rules. Only this file reads the params, and it holds no rule."""

import os
import sys
from pathlib import Path

from selfrefine import code_digest, params as params_check, strict_yaml
from selfrefine import config as job_config
from selfrefine.errors import InputError


def readable(path):
    """`path`, if Snakemake and DVC read it alike; else ends with one line."""
    try:
        strict_yaml.read(Path(path))
    except InputError as error:
        sys.exit(str(error))
    return str(path)


def overlay_of_experiment():
    """The file that `experiment` of params.yaml, or of `--config experiment=...`, names."""
    known = sorted(path.stem for path in Path("experiments").glob("*.yaml"))
    name = config.get("experiment")
    if name not in known:
        sys.exit(
            f"params.yaml: experiment is {name}, which is no file of experiments/{params_check.nearest(name, known)}"
        )
    return readable(params_check.overlay(name))


def stop_at_bad_params():
    """Ends with one line if a value is missing, unknown, out of range or refers to nothing."""
    if line := params_check.check(config):
        sys.exit(line)


def stop_at_read_only_folders(jobs):
    """Ends with one line if a job could not write where it must; Snakemake alone would show a traceback."""
    for path in [Path(file) for job in jobs for file in [*job.output, *job.log]]:
        folder = next(parent for parent in path.parents if parent.exists())
        if not (folder.is_dir() and os.access(folder, os.W_OK)):
            sys.exit(f"{folder}: not a folder that can be written; {path} belongs there; chmod u+w it, or move it away")


def current_experiment():
    """Its name: files of other experiments follow from other params."""
    return config["experiment"]


def selected(section):
    """What runs: selected rows or seeds, in the order of the params. Sources and weights follow from them."""
    if section == "sources":
        rows = [config["datasets"][name] for name in config["select"]["datasets"]]
        return sorted({row["prepare_data"]["source"] for row in rows})
    return config["select"][section] if section in config["select"] else list(config[section])


def first_run():
    """The first selected data set, model and seed."""
    return {name: selected(f"{name}s")[0] for name in ("dataset", "model", "seed")}


def any_row(section, *others):
    """Regular expression of the names of all rows: files of rows that are not selected can be asked for, too."""
    return "|".join([*config[section], *others])


def config_of(stage):
    """A function of wildcards: the config of a job of the stage, as JSON."""

    def config_json(wildcards):
        names = {name: value for name, value in wildcards.items() if name != "experiment"}
        return job_config.to_json(job_config.job(config, stage, names))

    return config_json


def code_of(stage):
    """A function of wildcards: the digest of the code that a job of the stage runs."""

    def digest(wildcards):
        names = {name: wildcards[name] for name in ("dataset", "model") if name in wildcards.keys()}
        family = job_config.job(config, "train_base", names)["family"] if "model" in names else None
        return code_digest.digest(stage, family)

    return digest


def idx_file(content):
    """A function of wildcards: the file of the source that holds a split's `images-idx3` or `labels-idx1`."""

    def path(wildcards):
        source = config["datasets"][wildcards.dataset]["prepare_data"]["source"]
        prefix = {"train": "train", "test": "t10k"}[wildcards.split]
        return f"data/fetch_data/{source}/{prefix}-{content}-ubyte"

    return path


def runs(rule, output=None, **chosen):
    """Files of the selected runs of a rule, by data set, then model, variant, seed, each in the order of `select`.

    `output` names one of its files; `chosen` puts other values in the place of a wildcard's selected ones.
    """
    files = getattr(rules, rule).output
    wildcards = {
        "experiment": current_experiment(),
        "source": selected("sources"),
        "weights": selected("weights"),
        "dataset": selected("datasets"),
        "model": selected("models"),
        "variant": selected("variants"),
        "seed": selected("seeds"),
        "split": ["train", "test"],
    }
    return expand([str(file) for file in ([files[output]] if output else files)], **wildcards | chosen)
