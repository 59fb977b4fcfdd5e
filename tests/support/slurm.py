"""Slurm on this machine, from the distribution's packages: a controller and one node in a folder of their own.

Nothing of it is mocked. It needs no systemd and no root, reads no configuration of the machine's, and all of it is gone
after `stop`. Two GPUs are pretended: two links to /dev/null, which Slurm hands out and counts as it would cards.
"""

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PACKAGES = "munge slurmctld slurmd slurm-client"
DAEMONS, COMMANDS = ("munged", "slurmctld", "slurmd"), ("sbatch", "srun", "squeue", "sacct", "scancel", "scontrol")
REQUIRED = "SELFREFINE_NEEDS_SLURM"  # `.ci/run` sets it: there no Slurm is a failure
NODE, GPUS = "node", 2
PLACES = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
# No accounting, no cgroups: what a container allows. The node says that it has more than the machine: jobs of the smoke
# experiment take what they need, not what they ask for. Nothing of what is tested waits for minutes.
CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={controller}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
GresTypes=gpu
SlurmdParameters=config_overrides
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=1,sched_min_interval=0
MinJobAge=3600
KillWait=30
ReturnToService=2
NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=8 RealMemory=256000 Gres=gpu:{gpus}
PartitionName=all Nodes=ALL Default=YES MaxTime=1-0 State=UP
"""


def absent() -> str:
    """Why there can be no Slurm here, in one line; "" if there can."""
    names = [name for name in (*DAEMONS, *COMMANDS) if not shutil.which(name, path=PLACES)]
    return f"no {', '.join(names)}: apt-get install {PACKAGES}" if names else ""


@contextlib.contextmanager
def running() -> Iterator["Slurm"]:
    """Slurm, and SLURM_CONF in the environment, until the block ends; skips the test where its packages are not."""
    if reason := absent():
        (pytest.fail if os.environ.get(REQUIRED) else pytest.skip)(reason)
    with tempfile.TemporaryDirectory(prefix="slurm-") as name, pytest.MonkeyPatch.context() as patch:
        slurm = Slurm(Path(name))
        patch.setenv("SLURM_CONF", str(slurm.configuration))
        patch.setenv("PATH", str(slurm.programs), prepend=os.pathsep)
        try:
            slurm.start()
            yield slurm
        finally:
            slurm.stop()


class Slurm:
    """A controller and a node.

    Args:
        folder: an empty one, in which all that they write lies; its path is short, since sockets are named by it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.configuration = folder, folder / "slurm.conf"
        self.programs = folder / "programs"
        for name in ("state", "spool", "programs"):
            (folder / name).mkdir()
        # The plugin keeps SLURM_ variables from the `srun` within its job: else the configuration is in /etc/slurm.
        srun = self.programs / "srun"
        srun.write_text(f'#!/bin/sh\nSLURM_CONF={self.configuration} exec {shutil.which("srun", path=PLACES)} "$@"\n')
        srun.chmod(0o755)
        key = folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o600)
        cards = [folder / f"gpu{number}" for number in range(GPUS)]
        for card in cards:
            card.symlink_to("/dev/null")  # Slurm wants a device
        (folder / "gres.conf").write_text("".join(f"Name=gpu File={card}\n" for card in cards))
        values = {"folder": folder, "host": socket.gethostname().partition(".")[0], "user": getpass.getuser()}
        controller, port = _free_ports(2)
        text = CONFIGURATION.format(**values, controller=controller, port=port, node=NODE, gpus=GPUS)
        self.configuration.write_text(text)
        self.daemons: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Starts all three and waits for the node."""
        files = {"socket": "munge.socket", "key-file": "munge.key", "pid-file": "munge.pid", "seed-file": "munge.seed"}
        paths = [f"--{option}={self.folder / name}" for option, name in files.items()]
        self._daemon("munged", "--foreground", "--force", f"--log-file={self.folder / 'munge.log'}", *paths)
        self._wait((self.folder / "munge.socket").exists, "munged")
        self._daemon("slurmctld", "-D", "-c")
        self.start_node()

    def start_node(self) -> None:
        """Starts the node and waits until it takes jobs."""
        self._daemon("slurmd", "-D", "-N", NODE)
        self._wait(lambda: self.state() in ("IDLE", "MIXED", "ALLOCATED"), "the node")

    def hurry(self) -> bool:
        """Starts what Slurm lets wait for two minutes after its node went down; whether there is any.

        It waits so that what the node was told of the job before, to end it, finds no newer one there: seconds suffice.
        """
        time.sleep(6)
        waiting = [line.split()[0] for line in self.jobs("%A %T") if line.endswith("PENDING")]
        for job in waiting:
            self.try_out("scontrol", "update", f"jobid={job}", "starttime=now")
        return bool(waiting)

    def cut_power(self) -> None:
        """Kills the node and all that runs on it, and tells the controller, as whoever watches nodes does."""
        for number in self._processes(f"SLURMD_NODENAME={NODE}"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        self.try_out("scontrol", "update", f"nodename={NODE}", "state=down", "reason=power")
        self._wait(lambda: self.state().startswith("DOWN"), "the controller")

    def state(self) -> str:
        """Of the node, in Slurm's words: IDLE, MIXED, DOWN; "" while there is no controller."""
        told = self.try_out("scontrol", "show", "node", NODE, "--oneliner")
        return told.partition(" State=")[2].split()[0] if " State=" in told else ""

    def jobs(self, layout: str) -> list[str]:
        """A line of each job, those that have ended included, in a format of `squeue`."""
        told = self.try_out("squeue", "--noheader", "--states=all", "--array", "--sort=i", f"--format={layout}")
        return [line.strip() for line in told.splitlines()]

    def try_out(self, *words: str) -> str:
        """What a command of Slurm's prints, however it ends."""
        return subprocess.run(words, capture_output=True, text=True, check=False).stdout

    def stop(self) -> None:
        """Ends all of it, jobs included."""
        for number in self._processes("SLURMD_NODENAME="):
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        for daemon in reversed(self.daemons):
            daemon.kill()
            daemon.wait()

    def _daemon(self, name: str, *options: str) -> None:
        path = shutil.which(name, path=PLACES)
        assert path is not None
        # What the node starts inherits its name from it: that is how all of it is found.
        own = {"SLURM_CONF": str(self.configuration)} | ({"SLURMD_NODENAME": NODE} if name == "slurmd" else {})
        with (self.folder / f"{name}.told").open("ab") as told:
            command = [path, *options]
            daemon = subprocess.Popen(command, env=os.environ | own, stdin=subprocess.DEVNULL, stdout=told, stderr=told)
        self.daemons.append(daemon)

    def _processes(self, word: str) -> list[int]:
        """The processes of this Slurm with a word in their environment that begins so."""
        found, own = [], f"SLURM_CONF={self.configuration}".encode()
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                words = (entry / "environ").read_bytes().split(b"\0") if entry.name.isdigit() else []
                if own in words and any(each.startswith(word.encode()) for each in words):
                    found.append(int(entry.name))
        return found

    def _wait(self, ready: Callable[[], bool], who: str) -> None:
        end = time.monotonic() + 60
        while not ready():
            told = "\n".join(path.read_text(errors="replace")[-1500:] for path in sorted(self.folder.glob("*.told")))
            assert time.monotonic() < end, f"{who} is not ready\n{told}"
            time.sleep(0.1)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
