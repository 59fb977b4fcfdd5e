"""A copy of the project that tests run the user's literal commands in."""

import os
import re
import resource
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from dvc.utils.serialize import modify_yaml

from selfrefine.commands.run_lines import label

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(sys.executable).parent
# What a surrounding `make test` or an activated environment would tell the commands.
SURROUNDINGS = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "VIRTUAL_ENV", "EXPERIMENT", "PYTHON"}
# How Snakemake begins its words about profiles and config files.
SETTINGS = ("Using workflow specific profile", "Config file params.yaml is extended")
# A job of a dry run, as Snakemake prints it: its rule, then its indented properties.
STARTS = re.compile(r"^(?P<label>\w+(?: \w+)*): starts$", re.MULTILINE)  # a job that runs
JOB = re.compile(r"^(?:local)?rule (?P<rule>\w+):\n(?P<properties>(?:    .*\n)*)", re.MULTILINE)


def children_seconds() -> float:
    """Seconds of processor that finished children took: a busy machine makes the clock, but not the work, longer."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@dataclass(frozen=True)
class Project:
    """A copy of the project.

    Args:
        root: its folder.
        first: what the run that made its results printed.
    """

    root: Path
    first: str = ""

    def environment(self) -> dict[str, str]:
        """The activated environment; the package is imported from this copy."""
        own = {
            "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(self.root / "src"),
            "OMP_WAIT_POLICY": "passive",  # beside other programs, threads that wait shall not spin
            "GIT_AUTHOR_NAME": "test",
            "GIT_AUTHOR_EMAIL": "test@example.org",
            "GIT_COMMITTER_NAME": "test",
            "GIT_COMMITTER_EMAIL": "test@example.org",
        }
        return {key: value for key, value in os.environ.items() if key not in SURROUNDINGS} | own

    def start(self, command: str) -> subprocess.Popen[str]:
        """Starts a command as a person would type it in the project's folder."""
        return subprocess.Popen(
            ["bash", "-c", command],
            cwd=self.root,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def try_out(self, command: str) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end; both of its streams are in `stdout`."""
        process = self.start(command)
        told, _ = process.communicate()
        return subprocess.CompletedProcess(command, process.returncode, told)

    def run(self, command: str) -> str:
        """What a command that must end well prints."""
        done = self.try_out(command)
        assert done.returncode == 0, f"{command}\n{done.stdout[-8000:]}"
        return done.stdout

    def refuse(self, command: str) -> list[str]:
        """The lines that a command that must fail prints, but for Snakemake's on where settings are from."""
        done = self.try_out(command)
        assert done.returncode not in (0, None), f"{command} ended well\n{done.stdout[-8000:]}"
        return [line for line in done.stdout.splitlines() if line and not line.startswith(SETTINGS)]

    def dry_run(self) -> Counter[str]:
        """The jobs that Snakemake would run."""
        return jobs(self.run("snakemake -n all"))

    def set(self, leaf: str, value: Any) -> None:
        """Edits one leaf, named by its path with dots, in the file that decides about it."""
        *sections, last = leaf.split(".")
        overlay = self.root / "experiments" / f"{self.experiment()}.yaml"
        decided = yaml.safe_load(overlay.read_text()) or {}
        for key in leaf.split("."):
            decided = decided.get(key) if isinstance(decided, dict) else None
        with modify_yaml(str(self.root / "params.yaml" if decided is None else overlay)) as params:
            for section in sections:
                params = params[section]
            params[last] = value

    def experiment(self) -> str:
        """The experiment that params.yaml names."""
        return str(yaml.safe_load((self.root / "params.yaml").read_text())["experiment"])

    def copy(self, to: Path) -> "Project":
        """A second copy that keeps the times of all files and Snakemake's records."""
        shutil.copytree(self.root, to, symlinks=True)
        return Project(to, self.first)

    def remove(self) -> None:
        """Deletes the copy: it holds data and models."""
        shutil.rmtree(self.root, ignore_errors=True)


def jobs(told: str) -> Counter[str]:
    """The jobs in what a run or a dry run printed, as "train_base fashion_mnist ddpm seed0"; target rules left out."""
    found = Counter(started["label"] for started in STARTS.finditer(told))
    for job in JOB.finditer(told):
        wildcards = re.search(r"^    wildcards: (.*)$", job["properties"], re.MULTILINE)
        if job["rule"].split("_")[0] != "all":
            named = dict(pair.split("=", 1) for pair in wildcards[1].split(", ")) if wildcards else {}
            found[label(job["rule"], named)] += 1
    return found


def checkout(to: Path) -> Project:
    """A committed copy of all files that git does not ignore; what was fetched before is not fetched again."""
    listed = subprocess.check_output(["git", "ls-files", "-coz", "--exclude-standard"], cwd=ROOT, text=True)
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():  # not deleted since the last commit
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
    for fetched in [*ROOT.glob("data/fetch_data/*/*-ubyte"), *ROOT.glob("models/fetch_weights/*/*.safetensors")]:
        delivered = fetched.name if fetched.suffix == "" else f"{fetched.parent.name}{fetched.suffix}"
        folder = to / "downloads" / (fetched.parent.name if fetched.suffix == "" else "weights")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy2(fetched, folder / delivered)
    project = Project(to)
    project.run("git init --quiet --initial-branch main && git add --all && git commit --quiet --message copy")
    return project


USERS_COMMAND = "snakemake --cores 1 --resources gpu=1 all"
