"""Jobs forked from a server: the real module in a package whose slow import and whose one stage tell what happens."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from selfrefine.commands import run_stage
from selfrefine.params import code_digest

pytestmark = pytest.mark.skipif(not run_stage.FORKS, reason="jobs are forked on Linux only")

SLOW = """
import os
with open(os.environ["IMPORTS"], "a") as told:
    print(os.getpid(), file=told)
"""
# A stage that does what its words say, one after another.
STAGE = """
import os, signal, sys, time
def act(word):
    if word == "tell":
        print(os.getpid(), os.getcwd(), os.environ.get("COLOUR"), sys.argv[1:], __name__, flush=True)
    elif word == "threads":
        print(os.environ["OMP_NUM_THREADS"])
    elif word == "ask":
        print(sys.stdin.readline().upper(), end="")
    elif word == "complain":
        sys.exit("probe: one line")
    elif word == "seven":
        sys.exit(7)
    elif word == "fail":
        raise ValueError("a fault of ours")
    elif word == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    elif word == "wait":
        time.sleep(60)
    elif word == "patient":
        def keep(number, frame):
            time.sleep(0.5)
            print("kept", flush=True)
            sys.exit(3)
        signal.signal(signal.SIGTERM, keep)
for word in sys.argv[1:]:
    act(word)
"""
# A run: a server, and the commands that its argument holds, one a line.
RUN = """
import subprocess, sys
from selfrefine.commands import run_stage
with run_stage.server():
    for line in sys.argv[1].splitlines():
        code = subprocess.run(line, shell=True).returncode
        print("code", code, flush=True)
"""
MODULES = ("commands/run_stage.py", "core/errors.py", "core/files.py", "core/names.py")
MODULES += ("params/code_digest.py", "params/code_texts.py")
JOB = f"{sys.executable} -m selfrefine.commands.run_stage probe"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Of a process that imports the small package."""
    package = tmp_path / "source" / "selfrefine"
    texts = {
        "__init__.py": "",
        "commands/__init__.py": "",
        "core/forkable.py": "from contextlib import nullcontext as untouched_gpu",  # nothing here imports torch
        "networks/__init__.py": "",
        "networks/slow.py": SLOW,
        "stages/probe.py": STAGE,
    }
    for name, text in texts.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for name in MODULES:
        (package / name).parent.mkdir(exist_ok=True)
        shutil.copy(Path(run_stage.__file__).parents[1] / name, package / name)
    own = {"PYTHONPATH": str(tmp_path / "source"), "IMPORTS": str(tmp_path / "imports"), "COLOUR": "blue"}
    return {key: value for key, value in os.environ.items() if key != run_stage.SERVER} | own


def run(environment: dict[str, str], *commands: str) -> subprocess.CompletedProcess[str]:
    """A run of some commands to its end."""
    line = [sys.executable, "-c", RUN, "\n".join(commands)]
    return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=60, check=False)


def imports(environment: dict[str, str]) -> list[str]:
    """The processes that have done the slow import."""
    path = Path(environment["IMPORTS"])
    return path.read_text().split() if path.is_file() else []


def alive(process: str) -> bool:
    """Whether a process runs: one that has ended and waits for its parent does not."""
    stat = Path("/proc", process, "stat")
    return stat.is_file() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def ends(process: str) -> bool:
    """Whether a process ends within some seconds."""
    until = time.monotonic() + 20
    while alive(process) and time.monotonic() < until:
        time.sleep(0.05)
    return not alive(process)


def started(process: subprocess.Popen[str]) -> str:
    """The number of the first job of a run that told it."""
    assert process.stdout is not None
    return process.stdout.readline().split()[0]


def test_jobs_are_processes_of_their_own_that_share_one_slow_import(environment):
    told = run(environment, f"{JOB} tell", f"{JOB} tell").stdout.splitlines()
    jobs = [line.split()[0] for line in told if not line.startswith("code")]
    (server,) = imports(environment)
    assert len({*jobs, server}) == 3


def test_a_job_has_folder_environment_words_and_streams_of_its_command(environment, tmp_path):
    done = run(environment, f"cd {tmp_path} && echo hello | COLOUR=red {JOB} tell ask 2>&1 | tee log", "cat log")
    told = f"{tmp_path} red ['tell', 'ask'] __main__\nHELLO\n"
    assert done.stdout.partition(" ")[2].startswith(told)
    assert (tmp_path / "log").read_text().endswith(told)


@pytest.mark.parametrize(
    ("word", "code", "line"),
    [
        ("tell", 0, ""),
        ("complain", 1, "probe: one line"),
        ("seven", 7, ""),
        ("fail", 1, "ValueError: a fault of ours"),
        ("die", run_stage.LOST, "probe: the job was killed; is there too little memory?"),
    ],
)
def test_a_command_ends_as_its_job_does(environment, word, code, line):
    done = run(environment, f"{JOB} {word}", f"{JOB} tell")
    assert [told for told in done.stdout.splitlines() if told.startswith("code")] == [f"code {code}", "code 0"]
    assert (done.stderr.splitlines() or [""])[-1] == line


def test_a_job_ends_with_its_command(environment):
    line = [sys.executable, "-c", RUN, f"exec {JOB} tell wait"]
    with subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, text=True) as process:
        job = started(process)
        assert alive(job)
        subprocess.run(
            ["pkill", "-f", f"{sys.executable} -m selfrefine.commands.run_stage probe tell wait"], check=True
        )
        assert ends(job)


def test_the_server_ends_with_its_run_however_that_ends(environment):
    assert run(environment, f"{JOB} tell").returncode == 0
    line = [sys.executable, "-c", RUN, f"{JOB} tell; sleep 60"]
    with subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        started(process)
        first, second = imports(environment)
        assert not alive(first)
        assert alive(second)
        process.kill()
        assert ends(second)
        os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGABRT])
def test_a_job_ends_with_its_run_however_that_ends(environment, number):
    line = [sys.executable, "-c", RUN, f"{JOB} tell wait; true"]
    with subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        job = started(process)
        assert alive(job)
        os.kill(process.pid, number)
        assert ends(job)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def test_ctrl_c_ends_the_job_with_a_word(environment):
    line = [sys.executable, "-c", RUN, f"{JOB} tell wait"]
    process = subprocess.Popen(
        line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    job = started(process)
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=20)
    assert "KeyboardInterrupt" in told
    assert ends(job)


def test_a_run_without_jobs_imports_nothing(environment):
    assert run(environment, "true").stdout == "code 0\n"
    assert imports(environment) == []


@pytest.mark.parametrize("name", ["python", "python3"])
def test_a_job_is_forked_whatever_name_its_python_goes_by(environment, name):
    """Console scripts of pip, conda and `make` begin with different ones."""
    python = Path(sys.prefix) / "bin" / name
    told = run(environment, f"{python} -m selfrefine.commands.run_stage probe tell", f"{JOB} tell").stdout
    assert len(imports(environment)) == 1
    assert told.count("code 0") == 2


@pytest.mark.parametrize("server", ["", "/another/environment:/nowhere", f"{os.path.realpath(sys.prefix)}:/nowhere"])
def test_without_a_server_of_its_packages_a_command_does_the_job_itself(environment, server):
    command = [*JOB.split(), "tell", "threads", "seven"]
    with subprocess.Popen(
        command, env=environment | {run_stage.SERVER: server}, stdout=subprocess.PIPE, text=True
    ) as process:
        assert started(process) == str(process.pid)
        assert process.stdout.read() == "1\n"
    assert process.returncode == 7


def test_sigterm_of_a_command_ends_its_job_and_the_command_waits_for_it(environment):
    """And says nothing of too little memory. The job is asked as if its run were gone: it may keep a checkpoint."""
    with subprocess.Popen(
        [sys.executable, "-c", RUN, f"exec {JOB} patient tell wait"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        job = started(process)
        (command,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[1:] or [None]
        os.kill(int(command), signal.SIGTERM)
        told, errors = process.communicate(timeout=60)
    assert told.splitlines() == ["kept", "code 3"]
    assert "memory" not in errors
    assert ends(job)


ALONE = pytest.mark.parametrize("alone", ["", f"{run_stage.SERVER}= "], ids=["forked", "alone"])
CHANGED = "probe: the code changed after this run had begun; run the same command, which takes it as it is now"


@ALONE
def test_a_stage_is_given_the_digests_of_its_modules(environment, tmp_path, alone):
    source = tmp_path / "source"
    code, digests = code_digest.digest("probe", source=source), code_digest.modules("probe", source=source)
    assert "stages/probe.py" in digests
    told = run(environment, f"{alone}{JOB} tell --code {code}").stdout
    assert f"['tell', '--code', '{code}', '--modules', '{json.dumps(digests)}']" in told


@ALONE
def test_code_that_changed_before_a_job_is_refused_and_nothing_is_done(environment, tmp_path, alone):
    code = code_digest.digest("probe", source=tmp_path / "source")
    done = run(environment, f"{alone}{JOB} tell --code {code}", f"{alone}{JOB} tell --code {code[::-1]}")
    assert [line for line in done.stdout.splitlines() if line.startswith("code")] == ["code 0", "code 1"]
    assert len(done.stdout.splitlines()) == 3
    assert done.stderr.splitlines()[-1] == CHANGED


@ALONE
@pytest.mark.parametrize("edited", ["stages/probe.py", "networks/__init__.py", "core/files.py"])
def test_code_that_changes_while_a_job_works_leaves_no_record(environment, tmp_path, alone, edited):
    source = tmp_path / "source"
    probe, other = source / "selfrefine/stages/probe.py", source / "selfrefine" / edited
    probe.write_text("import selfrefine.core.files, selfrefine.networks\n" + probe.read_text() + WRITES.format(other))
    code = code_digest.digest("probe", source=source)
    line = f"{alone}{JOB} --code {code} --record {tmp_path / 'record'}"
    for words, ending in (("same", "code 0"), ("other", "code 1")):
        done = run(environment, f"{line} {words}")
        assert done.stdout.splitlines()[-1] == ending, done
        assert (tmp_path / "record").exists() == (words == "same")
    assert done.stderr.splitlines()[-1] == CHANGED


WRITES = """
from pathlib import Path
if "other" in sys.argv:
    with open("{}", "a") as stream:
        stream.write("\\nCHANGED = 1\\n")
Path(sys.argv[sys.argv.index("--record") + 1]).touch()
"""


def test_numpy_has_one_thread_in_every_job_whatever_was_set(environment):
    assert run(environment | {"OMP_NUM_THREADS": "5"}, f"{JOB} threads").stdout == "1\ncode 0\n"


def test_a_long_tmpdir_has_a_server_all_the_same(environment, tmp_path):
    long = tmp_path / ("long" * 40)
    long.mkdir()
    done = run(environment | {"TMPDIR": str(long)}, f"{JOB} tell", f"{JOB} tell")
    assert done.stdout.splitlines()[1::2] == ["code 0", "code 0"]
    assert done.stderr == ""
    assert len(imports(environment)) == 1
    assert list(long.iterdir()) == []


WITHOUT_A_PLACE = """
import tempfile
class Full:
    def __init__(self, **options):
        raise OSError(30, "Read-only file system")
tempfile.TemporaryDirectory = Full
"""


def test_without_a_place_for_a_socket_each_job_imports_for_itself_and_one_line_says_so(environment, tmp_path):
    (tmp_path / "source" / "sitecustomize.py").write_text(WITHOUT_A_PLACE)
    done = run(environment, f"{JOB} tell seven")
    assert done.stdout.splitlines()[-1] == "code 7"
    (line,) = done.stderr.splitlines()
    assert line.startswith("snakemake: no folder for the socket of a server")
    assert imports(environment) == []
