"""The command `selfrefine` as a person types it: in this process, or in one of its own."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from selfrefine.commands import main

# What the console script does, which an environment that was installed earlier need not have.
PROGRAM = [sys.executable, "-c", f"from {main.__name__} import main; main()"]
QUICK = {"steps": 4, "device": "cpu", "precision": "float32"}  # options of a picture


def words(name: str, **options: Any) -> list[str]:
    """The words of a command whose options are in Python's spelling: jump_length=1 is --jump-length 1."""
    pairs = [(f"--{option.replace('_', '-')}", str(value)) for option, value in options.items()]
    return [name, *(word for pair in pairs for word in pair)]


def picture(name: str, **options: Any) -> np.ndarray:
    """What `sample` or `inpaint` writes to the file `out`, (H, W, 3) uint8."""
    main.main(words(name, **QUICK | options))
    return np.asarray(Image.open(options["out"]))


def refused(given: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line with which the command refuses these words."""
    with pytest.raises(SystemExit) as ended:
        main.main(given)
    assert ended.value.code == main.BAD_INPUT
    (line,) = capsys.readouterr().err.splitlines()
    return line


def started(given: list[str], folder: Path, stdout: int = subprocess.PIPE) -> subprocess.Popen[str]:
    """The command in a process of its own."""
    return subprocess.Popen([*PROGRAM, *given], cwd=folder, text=True, stdout=stdout, stderr=subprocess.PIPE)
