import dataclasses
import json
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from selfrefine.core import devices, files, machine, record
from selfrefine.core import job as core_job
from selfrefine.core.errors import InputError
from selfrefine.core.job import Job


@dataclass(frozen=True)
class Config:
    names: dict[str, str]
    rate: float
    sizes: tuple[int, ...]


@dataclass(frozen=True)
class Inputs:
    text: Path
    parts: tuple[Path, ...]


@dataclass(frozen=True)
class Outputs:
    copy: Path


CONFIG = {"names": {"dataset": "shapes", "seed": "3"}, "rate": 1, "sizes": [2, 4]}


@pytest.fixture
def room(tmp_path, monkeypatch):
    """A working folder with inputs."""
    monkeypatch.chdir(tmp_path)
    for name in ("text", "part1", "part2"):
        (tmp_path / name).write_text(name)
    return tmp_path


def job(**changes):
    values = {
        "name": "copy_text",
        "config": Config({"dataset": "shapes", "seed": "3"}, 1.0, (2, 4)),
        "inputs": Inputs(Path("text"), (Path("part1"), Path("part2"))),
        "outputs": Outputs(Path("data/copy_text/shapes/copy")),
        "code": "digest",
    }
    return Job(**values | changes)


def call(monkeypatch, run, config=CONFIG, inputs=("--text", "text", "--parts", "part1", "part2"), more=()):
    """Runs a stage through its command line in this process; returns the line it exits with, or None."""
    line = ["--config", json.dumps(config), "--code", "digest", "--record", "out/config.json", *inputs, *more]
    monkeypatch.setattr(sys, "argv", ["stages/copy_text.py", *line, "--copy", "out/copy"])
    try:
        core_job.main(run, Config, Inputs, Outputs)
    except SystemExit as ended:
        return ended.code
    return None


# -- jobs --------------------------------------------------------------------------------------------------------------


def test_a_label_tells_stage_and_wildcards():
    assert job().label == "copy_text shapes seed3"


def test_the_key_changes_with_config_code_and_the_bytes_of_every_input_and_with_nothing_else(room):
    keys = [job().key]
    keys.append(job(code="other").key)
    keys.append(job(config=dataclasses.replace(job().config, rate=2.0)).key)
    for name in ("text", "part2"):
        (room / name).write_text("changed")
        keys.append(job().key)
    assert len(set(keys)) == len(keys)
    moved = Inputs(Path("text"), (Path("part1"), Path("part2").absolute()))
    assert job(inputs=moved, outputs=Outputs(Path("elsewhere"))).key == keys[-1]


def test_scratch_of_a_job_lies_beside_the_rooms(room):
    with job().scratch() as folder:
        assert folder == Path("scratch/copy_text/shapes", job().key[:16])


# -- the command line --------------------------------------------------------------------------------------------------


def test_a_stage_gets_config_inputs_outputs_and_code_and_the_record_is_written_last(room, monkeypatch):
    given = []

    def run(got):
        assert not Path("out/config.json").exists()
        given.append(got)

    assert call(monkeypatch, run) is None
    expected = job(outputs=Outputs(Path("out/copy")))
    assert given == [expected]
    assert files.read_config(Path("out/config.json")) == CONFIG


def test_a_record_also_holds_the_digests_of_modules_inputs_and_outputs(room, monkeypatch):
    modules = {"core/job.py": "0a", "stages/copy_text.py": "1b"}

    def run(got):
        got.outputs.copy.parent.mkdir(exist_ok=True)
        got.outputs.copy.write_text("made")

    assert call(monkeypatch, run, more=("--modules", json.dumps(modules))) is None
    config, provenance = record.read(Path("out/config.json"))
    assert config == CONFIG
    inputs = {name: record.digest(Path(name)) for name in ("text", "part1", "part2")}
    outputs = {"copy": record.digest(Path("out/copy"))}
    lineage = record.lineage(CONFIG, "digest", inputs)
    expected = {"code": modules, "inputs": inputs, "outputs": outputs, "machine": machine.facts(), "lineage": lineage}
    assert provenance == expected
    assert len({*inputs.values(), *outputs.values()}) == 4


def test_the_record_of_before_is_gone_while_a_job_works_and_after_it_failed(room, monkeypatch):
    assert call(monkeypatch, lambda _: None) is None

    def fail(_job):
        assert not Path("out/config.json").exists()
        raise InputError("text: bad")

    assert call(monkeypatch, fail) == "copy_text: text: bad"
    assert not Path("out/config.json").exists()


def test_no_second_job_can_write_the_same_outputs_whatever_its_config(room, monkeypatch):
    lines = []

    def run(_job):
        lines.append(call(monkeypatch, lambda _: pytest.fail("two at once"), config=CONFIG | {"rate": 2}))

    assert call(monkeypatch, run) is None
    assert re.fullmatch(r"copy_text: out: process \d+ on \S+ is working on it; wait for it, or .*", lines[0])
    assert call(monkeypatch, lambda _: None) is None


@pytest.mark.parametrize("change", ["one bit", "one byte more", "cut", "another file of the same size"])
def test_an_input_that_is_not_what_its_job_made_is_refused_before_anything_is_done_with_it(room, monkeypatch, change):
    made = Path("data/prepare_data/shapes/images.npy")
    made.parent.mkdir(parents=True)
    made.write_bytes(bytes(range(200)))
    record.write(made.with_name("config.json"), {"names": {}}, {}, {}, [made])
    inputs = ("--text", str(made), "--parts")
    assert call(monkeypatch, lambda _: None, inputs=inputs) is None
    kept = made.read_bytes()
    changed = {
        "one bit": kept[:99] + bytes([kept[99] ^ 4]) + kept[100:],
        "one byte more": kept + b"0",
        "cut": kept[:-1],
    }
    state = made.stat()
    made.write_bytes(changed.get(change, kept[::-1]))
    os.utime(made, ns=(state.st_atime_ns, state.st_mtime_ns))
    line = call(monkeypatch, lambda _: pytest.fail("it was used"), inputs=inputs)
    words = "changed since it was made (its record says so); run the same command, which makes it again"
    assert line == f"copy_text: {made}: {words}"
    made.write_bytes(kept)
    assert call(monkeypatch, lambda _: None, inputs=inputs) is None


def test_the_key_changes_with_what_computes_where_a_config_names_a_device(room, monkeypatch):
    @dataclass(frozen=True)
    class Computing(Config):
        device: str = "cpu"
        precision: str = "float32"

    def key(**changes):
        return job(config=Computing({"seed": "3"}, 1.0, (2, 4), **changes)).key

    keys = [key(), key(precision="bfloat16")]
    monkeypatch.setattr(torch, "__version__", "1.0")
    keys.append(key())
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "DEFAULT")
    keys.append(key())
    monkeypatch.setattr(torch, "get_num_threads", lambda: 77)
    keys.append(key())
    assert len(set(keys)) == len(keys)


def test_the_key_knows_what_auto_stands_for(room, monkeypatch):
    found = []
    for native in (True, False):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda native=native: native)
        found.append(devices.deciding("cpu", "auto"))
    assert found == [devices.deciding("cpu", "bfloat16"), devices.deciding("cpu", "float32")]


def test_no_record_is_written_when_the_stage_fails(room, monkeypatch):
    def run(_job):
        raise InputError("text: bad; mend it")

    assert call(monkeypatch, run) == "copy_text: text: bad; mend it"
    assert not Path("out/config.json").exists()


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (FileNotFoundError(2, "No such file or directory", "text"), "copy_text: text: No such file or directory"),
        (PermissionError(13, "Permission denied", "out"), "copy_text: out: Permission denied"),
        (OSError(28, "No space left on device"), "copy_text: out: the disk is full"),
        (OSError(30, "Read-only file system", "out"), "copy_text: out: the file system is read-only"),
        (RuntimeError("I/O error: No space left on device (os error 28)"), "copy_text: out: the disk is full"),
    ],
)
def test_what_the_operating_system_refuses_is_one_line(room, monkeypatch, error, line):
    def run(_job):
        raise error

    told = call(monkeypatch, run)
    assert told.startswith(line)
    assert "\n" not in told


@pytest.mark.parametrize("error", [ValueError("a bug"), OSError(5, "Input/output error"), KeyError("bug")])
def test_a_bug_is_not_dressed_up_as_bad_input(room, monkeypatch, error):
    def run(_job):
        raise error

    with pytest.raises(type(error)):
        call(monkeypatch, run)


def test_an_unknown_option_is_refused(room, monkeypatch, capsys):
    assert call(monkeypatch, lambda _: None, inputs=("--text", "text", "--part", "part1")) == 2
    assert "--part" in capsys.readouterr().err  # an abbreviation too: it would hide a renamed input


def test_a_list_of_inputs_may_be_empty(room, monkeypatch):
    given = []
    call(monkeypatch, given.append, inputs=("--text", "text", "--parts"))
    assert given[0].inputs.parts == ()


# -- threads, device, precision ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 3])
def test_a_job_computes_in_the_threads_of_its_config_whatever_snakemake_exports(room, monkeypatch, threads):
    found = []
    try:
        for exported in ("1", "7"):
            monkeypatch.setenv("OMP_NUM_THREADS", exported)
            run = lambda _: found.append((torch.get_num_threads(), devices.threads()))  # noqa: E731
            assert call(monkeypatch, run, config=CONFIG | {"threads": threads}) is None
    finally:
        devices.set_threads(1)
    assert found == [(threads, threads)] * 2
    config, provenance = record.read(Path("out/config.json"))
    assert config["threads"] == threads
    assert provenance["machine"]["threads"] == str(threads)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no such call on this system")
def test_only_processors_that_this_process_may_use_count():
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert devices.processors() == 1
    finally:
        os.sched_setaffinity(0, allowed)


def test_auto_takes_the_best_device_there_is():
    with devices.device("auto") as device:
        best = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        assert device.type == best


@pytest.mark.parametrize("name", ["cuda", "mps", "gpu"])
def test_a_device_that_is_absent_is_refused(name):
    if (name == "cuda" and torch.cuda.is_available()) or (name == "mps" and torch.backends.mps.is_available()):
        pytest.skip("this machine has it")
    with pytest.raises(InputError, match=f"shared.device is {name}, but this machine has .*cpu"), devices.device(name):
        pass


def test_precision_is_what_is_asked_for_and_bfloat16_only_where_the_hardware_has_it():
    cpu = torch.device("cpu")
    assert devices.precision("float32", cpu) == torch.float32
    assert devices.precision("bfloat16", cpu) == torch.bfloat16
    native = "avx512_bf16" in Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else None
    if native is not None:
        assert devices.precision("auto", cpu) == (torch.bfloat16 if native else torch.float32)
    with pytest.raises(InputError, match=r"shared\.precision is float16; allowed: auto, float32, bfloat16"):
        devices.precision("float16", cpu)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_autocast_computes_in_the_given_type(dtype):
    with devices.autocast(torch.device("cpu"), dtype):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype
