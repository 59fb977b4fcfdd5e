"""Jobs beside one another: the bytes of one after another, and never more of them than memory has room for."""

import hashlib
import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.project import ROOT, Project, jobs

pytestmark = pytest.mark.slow

STARTS_OR_ENDS = re.compile(r"^\w+(?: \w+)*: (starts$|done in )", re.MULTILINE)


def at_once(told: str) -> int:
    """The most jobs that ran at a time."""
    return max(itertools.accumulate(1 if word == "starts" else -1 for word in STARTS_OR_ENDS.findall(told)))


def digests(project: Project) -> dict[str, str]:
    """Weights and images of the first stages, by name."""
    found = [
        *project.root.glob("models/train_base/**/*.safetensors"),
        *project.root.glob("data/generate_fakes/**/*.npy"),
    ]
    return {str(path.relative_to(project.root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def test_jobs_side_by_side_make_the_same_bytes(project: Project) -> None:
    before = digests(project)
    assert len({Path(name).name for name in before}) > 1
    told = project.run("snakemake --cores 3 all_generate_fakes --forcerun train_base")
    assert {job.split()[0] for job in jobs(told)} == {"train_base", "generate_fakes"}
    assert at_once(told) == 3
    assert digests(project) == before
    assert "Nothing to be done" in project.run("snakemake -n all_generate_fakes")


def test_memory_bounds_the_jobs_side_by_side(project: Project) -> None:
    told = project.run("snakemake --cores 3 --resources gpu=1 mem_mb=1100 all_generate_fakes --forcerun generate_fakes")
    assert at_once(told) == 1


CARDS = 8
WORKFLOW = """
rule all:
    input: expand("card{job}", job=range(12))

rule work:
    output: "card{job}"
    resources: gpu=1
    shell: "{python:q} work.py > {output:q}"
"""
WORK = f"""
import time
from selfrefine.core import devices
with devices.free_card({CARDS}) as card:
    began = time.monotonic()
    time.sleep(1)
    print(card, began, time.monotonic())
"""


def test_of_eight_gpus_each_job_has_its_own(tmp_path: Path) -> None:
    """Snakemake, processes and locks are real; the cards are numbers."""
    (tmp_path / "work.py").write_text(WORK)
    (tmp_path / "Snakefile").write_text(f"python = {sys.executable!r}\n{WORKFLOW}")
    own = {"TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-m", "snakemake", "--cores", "16", "--resources", f"gpu={CARDS}", "--quiet"]
    subprocess.run(command, cwd=tmp_path, env=os.environ | own, check=True, capture_output=True)
    jobs = [path.read_text().split() for path in sorted(tmp_path.glob("card*"))]
    held = sorted((int(card), float(began), float(ended)) for card, began, ended in jobs)
    assert len(held) == 12
    assert {card for card, _, _ in held} > {0, 1}  # all of them where processes start in less than a second
    for (card, _, ended), (next_card, began, _) in itertools.pairwise(held):
        assert card != next_card or ended <= began
