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
INSTALLED = ("requirements.lock", "pyproject.toml")  # what `make ready` looks at before it asks for Python
WEIGHTS = ("diffusion_pytorch_model.safetensors", "model.safetensors")
# Of an autoencoder and of a CLIP at once: one folder stands for all that others trained.
SETTINGS = {"_class_name": "AutoencoderKL", "in_channels": 3, "out_channels": 3, "model_type": "clip"}


RULES = [ROOT / "Snakefile", *sorted((ROOT / "workflow" / "rules").glob("*.smk"))]
GITHUB = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def unquoted_in_rules(text):
    """Values in the commands of rules that the shell would read; and what runs something and is no such command."""
    shells = re.findall(r'^    shell:\n        """(.*?)"""', text, re.MULTILINE | re.DOTALL)
    values = [value for shell in shells for value in re.findall(r"{(.*?)}", shell)]
    others = re.findall(r"^\s*(?:run|script|notebook|wrapper|cwl|shell|template_engine)\b *[:(].*", text, re.MULTILINE)
    assert len(shells) == 0 or values
    return [value for value in values if not value.endswith(":q")] + others[len(shells) :]


def unquoted_in_makefile(text):
    """Values of the user that the shell would read, and variables of the shell that are neither quoted nor ours."""
    given = re.findall(r"^override export (\w+) := \$\(value \1\)$", text, re.MULTILINE)
    assert given == ["PYTHON", "EXPERIMENT", "TFLOPS"]
    written = [word for name in given for word in re.findall(rf"(?<!\$)\$[({{]{name}\b", text)]
    fixed = {"name", "start", "told"}  # set in the recipe, of words that stand there
    loops = re.findall(r"for (\w+) in ([^;]*);", text)
    assert loops
    assert all(name in fixed and re.fullmatch(r"[\w \-]+", words) for name, words in loops)
    bare = re.sub(r"\$\${\w+:\+", "", text)  # asks whether there is a value, and puts in what follows
    used = re.findall(r"(.?)\$\${?(\w+)\b(.)", bare)
    assert {name for _, name, _ in used} >= set(given)
    return written + [
        name for before, name, after in used if name not in fixed and not (before in "\"'=" and after in "\"'")
    ]


def unquoted_in_dvc(text):
    """Commands of DVC, which puts values in unquoted, but for the name of an experiment behind ours, which check it."""
    lists, *stages = (stage["cmd"] for stage in yaml.safe_load(text)["stages"].values())
    assert stages
    commands = [[lists], *stages]
    wrong = [first for first, *_ in commands if not first.startswith("selfrefine ") or "$" in first]
    others = [line for _, *lines in commands for line in lines]
    return wrong + [line for line in others if not re.fullmatch(r"mkdir -p [a-z_/]+(\$\{experiment\})?", line)]


def unquoted_on_github(text):
    """Expressions of GitHub in commands: it writes their values, a title of a request for one, into the script."""
    steps = [step for job in yaml.safe_load(text)["jobs"].values() for step in job["steps"]]
    commands = [step["run"] for step in steps if "run" in step]
    assert commands
    return [command for command in commands if "${{" in command]


READERS = dict.fromkeys(RULES, unquoted_in_rules) | dict.fromkeys(GITHUB, unquoted_on_github)
READERS |= {ROOT / "Makefile": unquoted_in_makefile, ROOT / "dvc.yaml": unquoted_in_dvc}


@pytest.mark.parametrize("path", READERS, ids=lambda path: path.name)
def test_every_value_in_a_command_is_quoted(path):
    assert READERS[path](path.read_text()) == []


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("train_base.smk", "{input.images:q}", "{input.images}"),
        ("train_base.smk", "    shell:\n", "    run:\n        shell(x)\n    shell:\n"),
        ("fetch_data.smk", "    shell:\n", "    script:\n"),
        ("Makefile", '"experiment=$$EXPERIMENT"', "experiment=$$EXPERIMENT"),
        ("Makefile", '"$$PYTHON" -m venv', "$$PYTHON -m venv"),
        ("Makefile", '"$$PYTHON" -m venv', "$(PYTHON) -m venv"),
        ("Makefile", '--tflops="$$TFLOPS"', "--tflops=$$TFLOPS"),
        ("Makefile", "for name in requirements", "for name in $$EXPERIMENT"),
        ("Makefile", "dry_run_,embedded smoke", "dry_run_,$(EXPERIMENT) smoke"),
        ("dvc.yaml", "selfrefine list-jobs", "selfrefine list-jobs ${experiment}"),
        ("dvc.yaml", "update-stage prepare_data", "update-stage prepare_data ${experiment}"),
        ("dvc.yaml", "mkdir -p data/prepare_data/${experiment}", "mkdir -p data/prepare_data/${datasets}"),
        ("test.yml", "run: make all", "run: make all ${{ github.head_ref }}"),
    ],
)
def test_a_value_without_quotes_is_found(name, right, wrong):
    (path,) = [path for path in READERS if path.name == name]
    text = path.read_text()
    assert right in text
    try:
        found = READERS[path](text.replace(right, wrong, 1))
    except AssertionError:
        return
    assert found != []


@pytest.fixture
def hostile(tmp_path):
    """A project whose folders and titles are hostile, as Snakemake needs it."""
    root = tmp_path / "a project's $(touch MADE)"
    for name in ("experiments", "profiles", "workflow"):
        shutil.copytree(ROOT / name, root / name)
    for name in ("Snakefile", "Makefile", "dvc.yaml", "params.yaml", "environment.yml", *INSTALLED):
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
    overlay["select"] |= {"variants": [*variants], "masks": [], "samplings": []}
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


COMMANDS = ["$(touch MADE)", "`touch MADE`", "smoke; touch MADE; true", "'; touch MADE; '", "$$(touch MADE)"]
ALL = " ".join(COMMANDS)
PLACES = ("argument", "environment")  # of a value for make


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_a_hostile_experiment_is_refused_and_runs_nothing(name, hostile, tmp_path):
    told = Project(hostile).refuse(f"make -o ready all EXPERIMENT={shlex.quote(name)}")
    assert any("is no file of experiments/" in line or "not YAML" in line for line in told), told
    assert not list(tmp_path.rglob("MADE"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "variable", "told", "where"),
    [
        *(("make -o ready all", "EXPERIMENT", ("is no file of experiments/", "not YAML"), where) for where in PLACES),
        ("make -o ready plan", "EXPERIMENT", ("is no file of experiments/",), "argument"),
        *(("make -o ready photographs", "EXPERIMENT", ("is no file of experiments/",), where) for where in PLACES),
        ("make -o ready plan", "TFLOPS", ("--tflops: ",), "environment"),
        *(("make ready", "PYTHON", ("found: install Python 3.11 or newer",), where) for where in PLACES),
    ],
)
def test_a_hostile_value_for_make_is_refused_and_runs_nothing(command, variable, told, where, hostile, tmp_path):
    given = f"{variable}={shlex.quote(ALL)}"
    lines = Project(hostile).refuse(f"{command} {given}" if where == "argument" else f"export {given}; {command}")
    assert any(part in line for line in lines for part in told), lines
    assert not list(tmp_path.rglob("MADE"))


@pytest.mark.slow
def test_a_project_may_lie_in_a_folder_of_any_name(hostile, tmp_path):
    """Its own path, which a shell sees in none of the commands, but Python, Snakemake and DVC do."""
    root = tmp_path / "a b$(touch MADE)`touch MADE`;'\"&#" / "project"
    root.parent.mkdir()
    hostile.rename(root)
    project = Project(root)
    project.run("snakemake --cores 1 --config experiment=hostile -- all_prepare_data")
    assert (root / "data/prepare_data/hostile/my_images/train/images.npy").stat().st_size > 1000
    told = project.run("snakemake --cores 1 --config experiment=hostile -- all_prepare_data")
    assert "Nothing to be done" in told
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
