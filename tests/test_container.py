"""The recipes of an image, which are not built here: the Makefile's own commands, files that are there, hashes."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "container" / "Dockerfile").read_text()
DEFINITION = (ROOT / "container" / "selfrefine.def").read_text()
SETTINGS = ("set ", "cd ", "export ")  # lines of the definition that stand elsewhere in the Dockerfile


def instructions(name: str) -> list[str]:
    """What the instructions of one name in the Dockerfile say."""
    return [line.removeprefix(f"{name} ") for line in DOCKERFILE.splitlines() if line.startswith(f"{name} ")]


def section(name: str) -> list[str]:
    """The lines of a section of the definition."""
    found = re.search(rf"^%{name}\n((?:    .*\n|\n)*)", DEFINITION, re.MULTILINE)
    return [line.strip() for line in found[1].splitlines() if line.strip()] if found else []


def test_both_install_as_make_does_and_by_hash_alone() -> None:
    makefile = (ROOT / "Makefile").read_text()
    values = dict(re.findall(r"^(VENV|PIP) := (.*)$", makefile, re.MULTILINE))
    pip = values["PIP"].replace("$(VENV)", values["VENV"])
    installs = [f"{pip} {rest}" for rest in re.findall(r"\$\(PIP\) (install -qq --require-hashes \S+ \S+)", makefile)]
    assert len(installs) == 2
    commands = instructions("RUN")
    assert commands == [f"python3 -m venv {values['VENV']}", *installs]
    assert [line for line in section("post") if not line.startswith(SETTINGS)] == commands


def test_both_take_the_same_files_into_the_same_place_which_are_there() -> None:
    *copied, place = instructions("COPY")[0].split()
    assert [line.split() for line in section("files")] == [[name, f"{place}{name}"] for name in copied]
    assert all((ROOT / name).is_file() for name in copied)
    assert instructions("WORKDIR")[0] == place.rstrip("/")
    assert f"cd {place.rstrip('/')}" in section("post")


def test_both_have_the_same_environment() -> None:
    (environment,) = section("environment")
    assert instructions("ENV")[1] == environment.removeprefix("export ")
    assert instructions("ENV")[0] in [line.removeprefix("export ") for line in section("post")]


def test_a_base_image_without_a_digest_is_nobodys_default() -> None:
    assert instructions("ARG") == ["BASE"]
    assert instructions("FROM") == ["${BASE}"]
    assert "From: {{ BASE }}\n" in DEFINITION
    assert "%arguments" not in DEFINITION
    for told in (DOCKERFILE, DEFINITION, (ROOT / "docs" / "storage.md").read_text()):
        assert set(re.findall(r"BASE=(\S+)", told)) == {"python:3.11-slim-bookworm@sha256:DIGEST"}


def test_rules_look_for_the_image_where_it_is_built() -> None:
    image = re.search(r'^container: "(.*)"', (ROOT / "Snakefile").read_text(), re.MULTILINE)
    assert image
    build = f"{image[1]} container/selfrefine.def"
    assert build in DEFINITION
    assert build in (ROOT / "docs" / "storage.md").read_text()
    ignored = subprocess.run(["git", "check-ignore", "--quiet", image[1]], cwd=ROOT, check=False)
    assert ignored.returncode == 0


@pytest.mark.parametrize("name", ["s3", "fs", "kubernetes"])
def test_the_image_has_the_plugins_of_the_profiles(name: str) -> None:
    profile = yaml.safe_load((ROOT / "profiles" / name / "config.yaml").read_text())
    plugins = [f"snakemake-storage-plugin-{profile['default-storage-provider']}"]
    plugins += [f"snakemake-executor-plugin-{profile['executor']}"] if "executor" in profile else []
    lock = (ROOT / "requirements-dev.lock").read_text()
    assert all(f"\n{plugin}==" in lock for plugin in plugins)
