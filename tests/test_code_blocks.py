"""Every fenced block of the pages is run: commands and Python in a copy of the project, YAML as an overlay of params.

A command that takes too long is run in a shorter form, which stands in SHORTER with the reason; what another test
runs as it is written stands in ELSEWHERE. All else is run as it stands, so a new block needs a line only if it is long.
"""

import ast
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from PIL import Image

from selfrefine import networks
from selfrefine.report.tables import table2
from tests.support import tiny, tiny_latent, tiny_prompt
from tests.support.project import Project, checkout
from tests.support.tiny_metrics import FD, generation
from tests.support.tiny_results import tiny_results

ROOT = Path(__file__).parents[1]
PAGES = [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "results/README.md"))]
PAGES += sorted(path for path in (ROOT / "docs").rglob("*.md") if path.parent.name != "api")
SHELL = ("sh", "bash")
NOT_RUN = ("", "bibtex", "text")  # folders, a citation, what a program prints
LONG = "takes from minutes to days; the workflow's own tests run it with the experiment smoke"
INSTALLS = "make installs first; the recipe behind it is tested where its command is"
REHEARSED = "takes a night; tests/workflow/test_rehearsal.py runs it at a smaller fraction"
# Command -> what is run in its place, and why.
SHORTER = {
    "make all": ("make --dry-run all", LONG),
    "make test": ("make --dry-run test", "this test is part of it"),
    "make all EXPERIMENT=small": ("make --dry-run all EXPERIMENT=small", LONG),
    "make all EXPERIMENT=rivals": ("make --dry-run all EXPERIMENT=rivals", LONG),
    "make all EXPERIMENT=planted": ("make --dry-run all EXPERIMENT=planted", LONG),
    "snakemake --cores 1 --resources gpu=1 --config experiment=small 'select={seeds: [20]}'": (
        "snakemake --cores 1 --resources gpu=1 --config experiment=small 'select={seeds: [20]}' --dry-run",
        LONG,
    ),
    "selfrefine evidence keep": (
        "selfrefine evidence keep --help",
        "needs a finished seed; tests/commands/test_evidence.py keeps one",
    ),
    "make all EXPERIMENT=sweep": ("make --dry-run all EXPERIMENT=sweep", LONG),
    "make all EXPERIMENT=authors": ("make --dry-run all EXPERIMENT=authors", LONG),
    "make all EXPERIMENT=smoke": ("make --dry-run all EXPERIMENT=smoke", LONG),
    "make all EXPERIMENT=mine": ("make --dry-run all EXPERIMENT=mine", f"{LONG}; its overlay is run dry here"),
    "make plan EXPERIMENT=mine": ("make --dry-run plan EXPERIMENT=mine", INSTALLS),
    "make all EXPERIMENT=paper": ("make --dry-run all EXPERIMENT=paper", LONG),
    "make plan EXPERIMENT=paper TFLOPS=100": ("make --dry-run plan EXPERIMENT=paper TFLOPS=100", INSTALLS),
    "snakemake all_table2 --cores 1 --config experiment=paper": (
        "snakemake all_table2 --cores 1 --config experiment=embedded --dry-run",
        "its photographs are yours to put there",
    ),
    "make photographs EXPERIMENT=paper": ("make --dry-run photographs EXPERIMENT=paper", "fetches gigabytes"),
    "snakemake --cores 1 --resources gpu=1 all": ("snakemake --cores 1 --resources gpu=1 all --dry-run", LONG),
    "snakemake all --cores 4 --resources gpu=4": ("snakemake all --cores 4 --resources gpu=4 --dry-run", LONG),
    "snakemake all_train_base": ("snakemake all_train_base --dry-run", LONG),
    "snakemake all --workflow-profile profiles/slurm": (
        "snakemake all --workflow-profile profiles/slurm --executor local --dry-run",
        "needs a cluster and its plugin",
    ),
    "selfrefine rehearse --fraction 0.01": ("selfrefine rehearse --help", REHEARSED),
    "selfrefine rehearse --fraction 0.01 --models uvit ldm": ("selfrefine rehearse --help", REHEARSED),
    "selfrefine check-gpu": ("selfrefine check-gpu --help", "needs a GPU; tests/commands/test_check_gpu.py uses a CPU"),
    "selfrefine check-gpu --out results/gpu": ("selfrefine check-gpu --help", "as the line above"),
    "selfrefine refine --pipeline my_pipeline --images my_photos --out refined_my_pipeline": (
        "selfrefine refine --help",
        "needs VGG16 and minutes; tests/commands/test_refine.py runs it on a small pipeline",
    ),
    "selfrefine highlight --real photographs --fake generated --out flaws": (
        "selfrefine highlight --help",
        "needs VGG16 and minutes; tests/commands/test_highlight.py runs it on small ones",
    ),
    "selfrefine highlight --real photographs --fake others --out more --highlighter flaws/highlighter.safetensors": (
        "selfrefine highlight --help",
        "needs what the line above makes; tests/library/test_highlight.py runs it",
    ),
}
# Page and what its block or command begins with -> the module and the test that runs it as it is written.
ELSEWHERE = {
    ("README.md", "from diffusers import"): ("tests/library/test_refine.py", "test_the_ten_lines_of_the_readme"),
    ("docs/highlight.md", "from selfrefine import library"): (
        "tests/library/test_highlight.py",
        "test_folders_that_differ_are_told_apart_on_images_that_were_not_learned_from",
    ),
    ("docs/usage.md", "dvc repro"): ("tests/workflow/test_dvc.py", "first"),
    **{
        ("docs/usage.md", f"dvc exp {verb}"): (
            "tests/workflow/test_dvc.py",
            "test_an_experiment_of_dvc_runs_the_same_jobs_and_is_shown",
        )
        for verb in ("run", "show")
    },
    **{
        ("docs/usage.md", f"dvc {verb} results"): (
            "tests/workflow/test_dvc.py",
            "test_one_table_alone_is_pushed_and_pulled",  # of smoke
        )
        for verb in ("push", "pull")
    },
    ("docs/storage.md", "snakemake all --workflow-profile profiles/s3"): (
        "tests/workflow/test_storage.py",
        "test_an_object_store_gives_the_bytes_of_a_local_run_and_then_nothing_is_to_be_done",
    ),
    ("docs/storage.md", "snakemake all --workflow-profile profiles/fs"): (
        "tests/workflow/test_storage.py",
        "test_a_shared_disk_does_likewise",
    ),
    ("docs/storage.md", "snakemake all --workflow-profile profiles/kubernetes"): (
        "tests/workflow/test_storage.py",
        "test_the_profile_for_kubernetes_plans_the_jobs_of_a_local_run",
    ),
}


class Block(NamedTuple):
    """A fenced block: the page it is on, its language, its text without indentation."""

    page: str
    language: str
    text: str


def blocks(page: str, text: str) -> Iterator[Block]:
    """The fenced blocks of a page, also those in lists."""
    for found in re.finditer(r"^( *)```([\w{}-]*)[^\n]*\n(.*?)^\1```$", text, re.DOTALL | re.MULTILINE):
        yield Block(page, found[2], textwrap.dedent(found[3]))


def commands(block: Block) -> list[str]:
    """The commands of a block, without comments; lines that a backslash joins are one."""
    lines = re.sub(r"\\\n\s*", "", block.text).splitlines()
    return [command for line in lines if (command := re.sub(r"(^|\s+)#( .*)?$", "", line).strip())]


def runs_elsewhere(page: str, text: str) -> bool:
    """Whether another test runs it."""
    return any(page == where and text.startswith(start) for where, start in ELSEWHERE)


ALL = [block for path in PAGES for block in blocks(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))]
COMMANDS = [(block.page, command) for block in ALL if block.language in SHELL for command in commands(block)]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy with what the pages suppose to be there: a folder of photographs, a table of a run, a model of prompts."""
    made = checkout(tmp_path_factory.mktemp("pages") / "project")
    photographs = made.root / "downloads" / "my_images"
    photographs.mkdir(parents=True)
    for number in range(1000):
        Image.new("RGB", (40, 32), (number % 256, number // 256, 0)).save(photographs / f"{number}.png")
    tables = made.root / "results" / "tables" / "embedded"
    tables.mkdir(parents=True)
    table2.lines(tiny_results(generation(FD, 3))).to_csv(tables / "table2.csv", index=False)
    trained = "models/train_refined/embedded/fashion_mnist_captions/stable_diffusion/reverse/seed6/pipeline"
    parts = (tiny_latent.autoencoder("kl"), tiny_prompt.encoder())
    steps = {"schedule": "scaled_linear", "timesteps": 50}  # more than `selfrefine sample` takes
    networks.save(networks.build("stable_diffusion", tiny.NETWORK, steps, tiny.SIZE, 0, *parts), made.root / trained)
    return made


def test_a_block_is_of_a_language_that_is_run_or_need_not_be() -> None:
    known = {*SHELL, *NOT_RUN, "python", "yaml"}
    assert not [f"{block.page}: ```{block.language}" for block in ALL if block.language not in known]
    assert {block.language for block in ALL} >= {"sh", "python", "yaml"}
    assert len(COMMANDS) > 15


def failures(project: Project, given: list[tuple[str, str]]) -> Iterator[str]:
    """One line for each (page, command) that does not end well; what stands twice is run once."""
    ended: dict[str, tuple[int, str]] = {}
    for page, command in given:
        form = SHORTER.get(command, (command,))[0]
        if not runs_elsewhere(page, command):
            if form not in ended:
                done = project.try_out(form)
                ended[form] = done.returncode, (done.stdout.splitlines() or ["it says nothing"])[-1]
            code, last = ended[form]
            if code:
                yield f"{page}: {command}: {last} (if it only takes long: SHORTER in {Path(__file__).name})"


def test_every_command(project: Project) -> None:
    wrong = list(failures(project, COMMANDS))
    assert not wrong, "\n".join(wrong)


def test_every_block_of_python(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of a page, each with the names that those before it have left."""
    monkeypatch.chdir(project.root)
    ran = 0
    for page in dict.fromkeys(block.page for block in ALL):
        names: dict[str, object] = {}
        for block in ALL:
            if block.page == page and block.language == "python" and not runs_elsewhere(page, block.text):
                exec(compile(block.text, page, "exec"), names)
                ran += 1
    assert ran


def test_every_block_of_yaml(project: Project) -> None:
    """As the overlay that its first line names: all of `snakemake` checks it."""
    found = [block for block in ALL if block.language == "yaml"]
    assert found
    for block in found:
        named = re.match(r"# experiments/(\w+)\.yaml\n", block.text)
        assert named, f"{block.page}: a block of yaml begins with '# experiments/NAME.yaml'"
        (project.root / "experiments" / f"{named[1]}.yaml").write_text(block.text)
        told = project.run(f"snakemake --dry-run all --config experiment={named[1]}")
        assert "train_refined" in told, block.page


def test_no_exception_is_left_over_and_each_has_its_reason_or_its_test() -> None:
    written = {command for _, command in COMMANDS}
    assert not SHORTER.keys() - written
    assert all(form != command and len(reason) > 10 for command, (form, reason) in SHORTER.items())
    texts = [(block.page, text) for block in ALL for text in (block.text, *commands(block))]
    for (page, start), (module, name) in ELSEWHERE.items():
        assert any(where == page and text.startswith(start) for where, text in texts), (page, start)
        tree = ast.parse((ROOT / module).read_text())
        assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, (module, name)


PAGE = """# Page
```sh
one --a \\
    --b   # said
# only said
two "#3"
```
1. In a list:

   ```yaml
   # experiments/x.yaml
   a: {b: 1}
   ```

```
folder/
```
"""


def test_blocks_and_their_commands_are_read() -> None:
    found = list(blocks("page.md", PAGE))
    assert [block.language for block in found] == ["sh", "yaml", ""]
    assert commands(found[0]) == ["one --a --b", 'two "#3"']
    assert found[1].text == "# experiments/x.yaml\na: {b: 1}\n"


@pytest.mark.parametrize("command", ["selfrefine smple", "make gone", "gone-program --x", "false", "true; false"])
def test_a_command_that_does_not_work_is_one_line(command: str, tmp_path: Path) -> None:
    (told,) = failures(Project(tmp_path), [("page.md", "true"), ("page.md", command)])
    assert told.startswith(f"page.md: {command}: ")
    assert "\n" not in told
