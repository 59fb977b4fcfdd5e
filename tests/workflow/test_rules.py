"""The rules keep to their plan: one name in six places, one form, the jobs that the params select."""

import ast
import re
import shutil

import pytest

from selfrefine.params import check, job_config, strict_yaml
from tests.support.dvc_record import RECORD
from tests.support.job_list import ALONE, ROOT, STAGES, job_list, project_params, rules_text
from tests.support.project import Project

EXPERIMENTS = ["embedded", "smoke", "small", "sweep"]  # paper's folders of images are nowhere but at its users'
# The only folders that differ from their stage's name.
FOLDERS = {"tables": "make_tables", "figures": "make_figures", "summary": "make_summary"}
# How many times each stage is a rule; the others are one rule.
RULES = {"extract_features": 3, "evaluate_generation": 2, "generate_samples": 3}
HERE = Project(ROOT)


def directive(stage, name):
    """The lines below one directive of a stage's first rule."""
    first = rules_text(stage).split("\n\n\n")[0]
    found = re.search(rf"^    {name}:(.*\n(?:        .*\n|\n)*)", f"{first}\n", re.MULTILINE)
    assert found, f"{stage} has no {name}"
    return found[1]


def named(stage, name):
    """The names in a directive of `name=value` lines."""
    return re.findall(r"^        (\w+)=", directive(stage, name), re.MULTILINE)


def fields(stage, record):
    """The field names of a dataclass in a stage's module."""
    tree = ast.parse((ROOT / "src" / "selfrefine" / "stages" / f"{stage}.py").read_text())
    (found,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == record)
    return [node.target.id for node in found.body if isinstance(node, ast.AnnAssign)]


# -- one name, six places ----------------------------------------------------------------------------------------------


def test_one_name_six_places():
    base = strict_yaml.read(ROOT / check.PARAMS)
    rows = [row for section in job_config.ROWS for row in base[section].values()]
    sections = {key for tree in (base, *rows) for key, value in tree.items() if isinstance(value, dict)}
    paths = [
        path for stage in STAGES for path in re.findall(r'"((?:data|models|results)/.*)"', directive(stage, "output"))
    ]
    places = {
        "rules file": set(STAGES),
        "module": {path.stem for path in (ROOT / "src/selfrefine/stages").glob("*.py")} - {"__init__", ALONE},
        "params": sections - {"select", "shared", "only", *job_config.ROWS},
        "dvc.yaml": set(RECORD),
        "test": {path.stem.removeprefix("test_") for path in (ROOT / "tests/stages").glob("test_*.py")} - {ALONE},
        "folder": {FOLDERS.get(path.split("/")[1], path.split("/")[1]) for path in paths},
    }
    assert places == {place: set(STAGES) for place in places}


def test_the_snakefile_lists_every_stage_and_dvc_lists_them_in_the_same_order():
    included = re.findall(r'^include: "workflow/rules/(\w+).smk"$', (ROOT / "Snakefile").read_text(), re.MULTILINE)
    assert included[0] == "common"
    included.remove(ALONE)
    assert sorted(included[1:]) == STAGES
    assert list(RECORD) == included[1:]


# -- the form of a rule ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", [*STAGES, ALONE])
def test_a_rules_file_holds_one_rule_and_its_target(stage):
    text = rules_text(stage)
    assert re.findall(r"^rule (\w+):", text, re.MULTILINE) == [stage, f"all_{stage}"]
    others = re.findall(r"^use rule (\w+) as (\w+) with:", text, re.MULTILINE)
    assert len(others) == RULES.get(stage, 1) - 1
    assert all(used == stage and name.startswith(f"{stage}_") for used, name in others)
    assert text.split("\n\n\n")[-1].startswith(f'rule all_{stage}:\n    input:\n        runs("{stage}"),\n')


@pytest.mark.parametrize("stage", [*STAGES, ALONE])
def test_a_rule_names_what_its_module_reads_and_writes(stage):
    inputs, outputs = fields(stage, "Inputs"), fields(stage, "Outputs")
    assert (named(stage, "input") if inputs else []) == inputs
    assert named(stage, "output") == [*outputs, "config"]
    assert not set(inputs) & set(outputs), "they are options of one command"
    words = [
        "python",
        "-m",
        "selfrefine.commands.run_stage",
        stage,
        "--config",
        "{params.config:q}",
        "--code",
        "{params.code:q}",
    ]
    words += ["--record", "{output.config:q}"]
    words += [word for name in inputs for word in (f"--{name}", f"{{input.{name}:q}}")]
    words += [word for name in outputs for word in (f"--{name}", f"{{output.{name}:q}}")]
    words += ["2>&1", "|", "tee", "{log:q}"]
    assert directive(stage, "shell").replace('"""', "").replace("\\\n", "").split() == words


@pytest.mark.parametrize("stage", STAGES)
def test_a_rule_says_where_it_logs_what_it_computes_and_with_what(stage):
    assert named(stage, "params") == ["config", "code"]
    assert f'config_of("{stage}")' in directive(stage, "params")
    assert f'code_of("{stage}")' in directive(stage, "params")
    assert f'"logs/{stage}/' in directive(stage, "log")
    assert f'"benchmarks/{stage}/' in directive(stage, "benchmark")
    assert '"../../environment.yml"' in directive(stage, "conda")
    computes = stage in job_config.SHARED["threads"]
    assert directive(stage, "threads").strip() == ("threads_of_a_job" if computes else "1")
    assert f'mem_mb=memory_of("{stage}")' in directive(stage, "resources")
    assert f'runtime=runtime_of("{stage}")' in directive(stage, "resources")
    outside = rules_text(stage).replace(directive(stage, "log"), "").replace(directive(stage, "benchmark"), "")
    assert not re.search(r"=.*(logs|benchmarks)/", outside), "no rule reads a log or a benchmark"


def test_rules_that_compute_on_a_device_take_the_gpu_and_no_others():
    taking = {stage for stage in STAGES if "        gpu=gpus,\n" in rules_text(stage)}
    assert taking == set(job_config.SHARED["device"])


@pytest.mark.parametrize("stage", [*STAGES, ALONE])
def test_only_the_common_file_reads_params_and_only_it_has_functions(stage):
    for text in (rules_text(stage), (ROOT / "Snakefile").read_text()):
        assert "config[" not in text
        assert not re.search(r"\b(def|lambda|import (?!min_version))\b", text)
    assert not re.search(r"^\s*(use )?rule ", (ROOT / "workflow/rules/common.smk").read_text(), re.MULTILINE)


def test_everything_that_is_read_as_a_result_has_a_caption_in_the_report():
    for stage in FOLDERS.values():
        output = directive(stage, "output")
        captions = re.findall(r'caption="../report/(\w+).rst"', output)
        assert captions
        assert output.count("report(") == output.count("category=") == output.count("labels={") == len(captions)
        for name in captions:
            assert (ROOT / "workflow" / "report" / f"{name}.rst").read_text().strip()
        shown = re.findall(r'"results/[^"]*\.(?:csv|png|html)"', output)
        assert len(shown) == len(captions)


# -- the real command --------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("experiment", EXPERIMENTS)
@pytest.mark.parametrize(
    "profile", ["", "--workflow-profile profiles/slurm --executor local"], ids=["default", "slurm"]
)
def test_a_dry_run_plans_the_jobs_that_the_params_select(experiment, profile):
    told = HERE.run(f"snakemake -n --forceall all {profile} --config experiment={experiment}")
    planned = re.findall(r"^(?:local)?rule (\w+):\n(?:    .*\n)*?    wildcards: (.*)$", told, re.MULTILINE)
    found = set()
    for rule, text in planned:
        names = dict(name.split("=") for name in text.split(", "))
        assert names.pop("experiment", experiment) == experiment
        found.add((next(stage for stage in STAGES if rule.startswith(stage)), frozenset(names.items())))
    assert found == {(job.stage, frozenset(job.names)) for job in job_list(project_params(experiment))}
    assert len(found) == len(planned)


@pytest.mark.slow
@pytest.mark.parametrize(
    "stage", ["fetch_data", "prepare_data", "train_refined", "generate_samples", "extract_features"]
)
def test_a_target_rule_asks_for_all_jobs_of_its_stage(stage):
    told = HERE.run(f"snakemake -n --forceall all_{stage} --config experiment=smoke")
    planned = re.findall(rf"^(?:local)?rule ({stage}(?:_fork|_other|_real)?):$", told, re.MULTILINE)
    assert len(planned) == len([job for job in job_list(project_params("smoke")) if job.stage == stage])


@pytest.mark.slow
@pytest.mark.parametrize("command", ["snakemake --lint", "snakefmt --check Snakefile workflow"])
def test_the_workflow_is_clean(command):
    HERE.run(command)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ("experiment=smok", "--config: experiment smok is no file of experiments/; did you mean smoke?"),
        ("experiment=no", "snakemake: --config: experiment, line 1: no reads differently in YAML 1.1 (Snakemake) and "),
        ("experiment=../x", "--config: experiment ../x is no file of experiments/; known: "),
        ("shared={device: tpu}", '--config: shared.device is "tpu"; did you mean cpu? known: auto, cpu, cuda, mps'),
        ("train_refined={cycle: 3.0}", "--config: train_refined.cycle is 3.0; allowed: a whole number, at least 1, "),
        (
            "train_refined={cycle: 3",
            "snakemake: --config: train_refined, line 2: not YAML: did not find expected ',' or '}'",
        ),
        (
            "train_refined.cycle=3",
            "snakemake: --config: train_refined.cycle is no name; write --config 'train_refined={",
        ),
    ],
)
def test_bad_params_end_in_one_line(asked, line):
    *settings, told = HERE.refuse(f"snakemake -n all --config '{asked}'")
    assert told.startswith(line)
    assert all(setting.startswith("Config file ") for setting in settings)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("written", "instead", "told"),
    [
        (
            "batch_size: 32 ",
            "batch_size: 032 ",
            "032 reads differently in YAML 1.1 (Snakemake) and YAML 1.2 (DVC); write 26 or 32 or ",
        ),
        ("experiment: embedded", "experiment: [embedded", ": not YAML: "),
        ("experiment: embedded", "experiment: smoke\nexperiment: embedded", "experiment is given twice; delete one"),
        (
            "  batch_size: 32 ",
            "  batchsize: 32 ",
            "train_base.batchsize is not known; did you mean batch_size? known: ",
        ),
    ],
)
def test_a_bad_params_file_ends_in_one_line(written, instead, told, tmp_path):
    for name in ("experiments", "profiles", "workflow"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "Snakefile", tmp_path)
    (tmp_path / "src").symlink_to(ROOT / "src")
    text = (ROOT / check.PARAMS).read_text()
    assert written in text
    (tmp_path / check.PARAMS).write_text(text.replace(written, instead, 1))
    (line,) = Project(tmp_path).refuse("snakemake -n all")
    assert line.startswith("params.yaml")
    assert told in line
