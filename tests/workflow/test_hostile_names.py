"""What a user names reaches the shell as one word: folders, titles and experiments with spaces, quotes and commands."""

import json
import re
import shlex
import shutil
import sys

import pytest
import yaml
from PIL import Image

from tests.support.job_list import ROOT
from tests.support.project import Project

# If a shell reads any of this, it makes a file, or finds a quote that does not end.
HOSTILE = """down loads/a$(touch MADE)b;touch MADE; `touch MADE`&'"*~#|>MADE"""
TITLE = "$(touch MADE) `touch MADE` $x_{$ ;touch MADE; '\""
# In the place of Python: tells its words, and makes what a job would make. The stage `prepare_data` really runs.
STUB = """#!{python}
import json, os, pathlib, sys
with open("words.jsonl", "a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
if sys.argv[3] == "prepare_data":
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
for word in sys.argv[4:]:
    path = pathlib.Path(word)
    if word.startswith(("data/", "models/", "results/")) and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch() if path.suffix else path.mkdir()
"""
WEIGHTS = ("diffusion_pytorch_model.safetensors", "model.safetensors")
# Of an autoencoder and of a CLIP at once: one folder stands for all that others trained.
SETTINGS = {"_class_name": "AutoencoderKL", "in_channels": 3, "out_channels": 3, "model_type": "clip"}


def test_every_value_in_a_command_is_quoted():
    for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")):
        for shell in re.findall(r'shell:\n        """(.*?)"""', path.read_text(), re.DOTALL):
            values = re.findall(r"{(.*?)}", shell)
            assert values, path
            assert [value for value in values if not value.endswith(":q")] == [], path
    makefile = (ROOT / "Makefile").read_text()
    given = re.findall(r"^override export (\w+) := \$\(value \1\)$", makefile, re.MULTILINE)
    assert given == ["PYTHON", "EXPERIMENT", "TFLOPS"]
    for name in given:
        assert not re.search(rf"(?<!\$)\$[({{]{name}\b", makefile), "make writes the value into what the shell reads"
        used = re.findall(rf"(.)\$\${name}\b(.)", makefile)
        assert used
        assert all(before in "\"='" and after in "\"'" for before, after in used), used
    for stage in yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].values():
        first, *others = stage["cmd"]
        assert first.startswith("snakemake "), "it refuses an experiment that is no file before a shell reads the name"
        assert "$" not in first
        assert all(re.fullmatch(r"mkdir -p [a-z_/]+(\$\{experiment\})?", line) for line in others)


@pytest.fixture
def hostile(tmp_path):
    """A project whose folders and titles are hostile, as Snakemake needs it."""
    root = tmp_path / "a project's $(touch MADE)"
    for name in ("experiments", "profiles", "workflow"):
        shutil.copytree(ROOT / name, root / name)
    for name in ("Snakefile", "Makefile", "dvc.yaml", "params.yaml", "environment.yml"):
        shutil.copy(ROOT / name, root)
    (root / "src").symlink_to(ROOT / "src")
    folder = root / HOSTILE
    folder.mkdir(parents=True)
    for name in WEIGHTS:
        (folder / name).touch()
    (folder / "config.json").write_text(json.dumps(SETTINGS))
    (folder / "preprocessor_config.json").write_text("{}")
    for index in range(24):
        Image.new("RGB", (40, 40), (index * 10, 0, 0)).save(folder / f"{index} $(touch MADE).png")
    prepared = {"folder": HOSTILE, "size": 32, "minimum_images": 2, "test_share": 0.4}
    variants = {name: {"title": TITLE} for name in ("baseline", "both", "reverse")}
    overlay = {
        "select": {"datasets": ["my_images"], "models": ["ddpm", "stable_diffusion"], "highlighters": ["flaw"]},
        "datasets": {"my_images": {"title": TITLE, "prepare_data": prepared, "train_base": {"horizontal_flip": False}}},
        "models": {
            "ddpm": {"title": TITLE, "train_base": {"pretrained": HOSTILE}},
            "stable_diffusion": {"train_autoencoder": {"folder": HOSTILE}},
        },
        "text_encoders": {"minilm": {"fetch_text_encoder": {"folder": HOSTILE}}},
        "variants": variants,
        "evaluate_prompts": {"clip_folder": HOSTILE},
    }
    overlay["datasets"]["my_images"] |= {"extract_features": {"n_images": 4}, "evaluate_highlighter": {"n_planted": 4}}
    overlay["select"] |= {"variants": [*variants], "masks": []}
    overlay["datasets"]["my_images"]["only"] = {"models": ["ddpm", "stable_diffusion"]}
    (root / "experiments" / "hostile.yaml").write_text(yaml.safe_dump(overlay))
    return root


def words_of(commands, stage):
    """The words of each command of a stage."""
    return [words for words in commands if words[:3] == ["-m", "selfrefine.commands.run_stage", stage]]


@pytest.mark.slow
def test_a_dry_run_and_real_jobs_hand_on_every_name_as_it_is(hostile, tmp_path):
    project = Project(hostile)
    told = project.run("snakemake -n -p --config experiment=hostile all_train_base all_evaluate_prompts")
    shown = [shlex.split(line) for line in told.splitlines() if line.strip().startswith("python -m selfrefine")]
    assert any(f"{HOSTILE}/config.json" in words for words in shown)

    stub = tmp_path / "bin" / "python"
    stub.parent.mkdir()
    stub.write_text(STUB.format(python=sys.executable))
    stub.chmod(0o755)
    run = f'PATH="{stub.parent}:$PATH" {sys.executable} -m snakemake --cores 1 --config experiment=hostile'
    project.run(f"{run} -- all_train_base all_evaluate_prompts")
    ran = [json.loads(line) for line in (hostile / "words.jsonl").read_text().splitlines()]
    for stage, option in (
        ("train_base", "--pretrained"),
        ("train_autoencoder", "--given"),
        ("evaluate_prompts", "--clip"),
    ):
        given = [words[words.index(option) + 1 :][:2] for words in words_of(ran, stage)]
        weights = "model.safetensors" if option == "--clip" else "diffusion_pytorch_model.safetensors"
        assert [f"{HOSTILE}/config.json", f"{HOSTILE}/{weights}"] in given, stage
    for stage, leaf in (
        ("fetch_text_encoder", "folder"),
        ("prepare_data", "folder"),
        ("evaluate_prompts", "clip_folder"),
    ):
        (words,) = words_of(ran, stage)[:1]
        assert json.loads(words[words.index("--config") + 1])[leaf] == HOSTILE
    assert (hostile / "data/prepare_data/hostile/my_images/train/images.npy").stat().st_size > 1000
    assert not list(tmp_path.rglob("MADE"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["$(touch MADE)", "`touch MADE`", "smoke; touch MADE; true", "'; touch MADE; '", "$$(touch MADE)"]
)
def test_a_hostile_experiment_is_refused_and_runs_nothing(name, hostile, tmp_path):
    project = Project(hostile)
    told = project.refuse(f"make -o ready all EXPERIMENT={shlex.quote(name)}")
    assert any("is no file of experiments/" in line or "not YAML" in line for line in told), told
    assert not list(tmp_path.rglob("MADE"))


@pytest.mark.slow
@pytest.mark.parametrize("target", ["prepare_data --single-item", "make_tables --single-item", ""])
def test_dvc_runs_nothing_of_a_hostile_experiment(target, hostile, tmp_path):
    project = Project(hostile)
    params = hostile / "params.yaml"
    params.write_text(params.read_text().replace("experiment: embedded", 'experiment: "smoke; touch MADE; true"'))
    project.run("git init --quiet && dvc init --quiet")
    project.refuse(f"dvc repro {target}")
    assert not list(tmp_path.rglob("MADE"))


@pytest.mark.slow
def test_python_in_a_params_file_is_never_run(hostile, tmp_path):
    """Snakemake's own reader would: it takes a file with this key for a template."""
    made = tmp_path / "MADE"
    evil = f"__use_yte__: true\n__definitions__:\n  - open({str(made)!r}, 'w')\n"
    project = Project(hostile)
    (hostile / "evil.yaml").write_text(evil)
    for option in (
        "--configfile evil.yaml",
        "--configfiles evil.yaml",
        "--configfile=evil.yaml",
        "--configf evil.yaml",
    ):
        (line,) = project.refuse(f"snakemake -n all {option}")
        assert line.startswith("snakemake: evil.yaml, line 1: __use_yte__ would make Snakemake run")
    for path in ("params.yaml", "experiments/hostile.yaml"):
        kept = (hostile / path).read_text()
        (hostile / path).write_text(evil + kept)
        for program in ("snakemake", f"{sys.executable} -m snakemake"):
            *_, line = project.refuse(f"{program} -n all --config experiment=hostile")
            assert line.startswith(f"{path}, line 1: __use_yte__ would make Snakemake run what stands here; delete it")
        (hostile / path).write_text(kept)
    assert not made.exists()
    stock = f"{sys.executable} -m snakemake -n all --configfile evil.yaml"
    project.try_out(stock)
    assert made.exists(), "the attack is none: Snakemake's own reader does not run it"
    assert made.stat().st_size == 0
