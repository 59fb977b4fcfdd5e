"""Work that ends in every way that work can end, for processes of its own."""

import ctypes
import os
import signal
import time
from pathlib import Path

import torch

from selfrefine.core.errors import InputError
from selfrefine.cost.bounded import Tell

LINE = {"link": "before the fault", "seconds": 1.0}


def well(tell: Tell) -> None:
    tell("chain", LINE)


def refuses(tell: Tell) -> None:
    tell("chain", LINE)
    raise InputError("one image does not fit the memory")


def breaks(tell: Tell) -> None:
    tell("chain", LINE)
    torch.ones(2) @ torch.ones(3)


def fills_the_memory(tell: Tell) -> None:
    tell("chain", LINE)
    torch.empty(2**60, dtype=torch.uint8)


def exits(tell: Tell) -> None:
    tell("chain", LINE)
    os._exit(7)


def leaves(tell: Tell) -> None:
    tell("chain", LINE)
    raise SystemExit(3)


def is_killed(tell: Tell) -> None:
    tell("chain", LINE)
    os.kill(os.getpid(), signal.SIGKILL)


def crashes(tell: Tell) -> None:
    tell("chain", LINE)
    ctypes.string_at(0)


def hangs(tell: Tell) -> None:
    tell("chain", LINE)
    time.sleep(600.0)


def tells_for_ever(tell: Tell) -> None:
    while True:
        tell("chain", LINE)
        time.sleep(0.01)


def prints(tell: Tell) -> None:
    print("step 1/10, 3 images/s")
    tell("chain", LINE)


def surroundings(tell: Tell) -> None:
    bad_fork = torch.cuda._is_in_bad_fork()
    tell("chain", {"threads": torch.get_num_threads(), "folder": str(Path.cwd()), "bad_fork": bad_fork})


def seconds_to_the_alarm(tell: Tell) -> None:
    tell("chain", {"seconds": signal.alarm(0)})


# Why each but `well` failed.
FAULTS = {
    refuses: "one image does not fit the memory",
    breaks: "inconsistent tensor size",
    fills_the_memory: "DefaultCPUAllocator: can't allocate memory",
    exits: "its process ended with 7",
    leaves: "its process ended with 3",
    is_killed: "its process ended by SIGKILL",
    crashes: "its process ended by SIGSEGV",
    hangs: "time was up",
    tells_for_ever: "time was up",
}
