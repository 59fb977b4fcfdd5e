"""What a job computes on: processors, devices, precision."""

import hashlib
import itertools
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from selfrefine.core import locks, machine
from selfrefine.core.errors import InputError

if TYPE_CHECKING:
    import torch


def processors() -> int:
    """The processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_threads(count: int) -> None:
    """Lets this process compute in as many threads, torch's among them if it is imported.

    The last bits of a sum depend on their number: that of a job is a param, not what a machine happens to have.
    """
    machine.uses(threads=str(count))
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(count)


def threads() -> int:
    """The number that `set_threads` was given last; before, all processors."""
    return int(machine.used("threads") or processors())


def memory_mib() -> int:
    """The memory that all processes here may take together, in MiB: of the machine, or of its container."""
    bounds = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    limit = Path("/sys/fs/cgroup/memory.max")
    if limit.is_file() and (told := limit.read_text().strip()).isdigit():
        bounds.append(int(told))
    return min(bounds) >> 20


def has_gpu() -> bool:
    """Whether this machine has a GPU that torch may use, told without torch: the Snakefile asks."""
    nvidia_or_amd = any(Path("/dev").glob("nvidia[0-9]*")) or Path("/dev/kfd").exists()
    return nvidia_or_amd or Path("/dev/dxg").exists() or (sys.platform == "darwin" and os.uname().machine == "arm64")


@contextmanager
def device(name: str, given: str = "params.yaml: shared.device") -> Iterator["torch.device"]:
    """Yields the device to compute on; with several GPUs, the card of the first place that no other stage here holds.

    Float32 is float32 from then on: TensorFloat-32, whose mantissa has ten bits, is off for products and convolutions.
    Under bfloat16 networks compute in that, and what autocast leaves in float32 stays as exact. cuDNN chooses its
    algorithms by their sizes, not by a race between them, whose winner may be another in the next run.

    Args:
        name: auto (a free GPU, else MPS, else the CPU), cpu, cuda or mps.
        given: where the name was given, for the message.

    Raises:
        InputError: the named device is absent.
    """
    import torch

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False  # the latter is on by default
    torch.backends.cudnn.benchmark = False
    name = _resolved(name, given)
    if name != "cuda":
        machine.uses(device=name)
        yield torch.device(name)
        return
    with free_card(torch.cuda.device_count()) as card:
        machine.uses(device=torch.cuda.get_device_name(card))
        yield torch.device("cuda", card)


def _resolved(name: str, given: str = "params.yaml: shared.device") -> str:
    """The kind of device that a name stands for here; same arguments and errors as `device`."""
    import torch

    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(kind for kind in ("cuda", "mps", "cpu") if available[kind])
    if not available.get(name, False):
        present = ", ".join(kind for kind, here in available.items() if here)
        raise InputError(f"{given} is {name}, but this machine has {present}; set it to auto or cpu")
    return name


@contextmanager
def free_card(cards: int) -> Iterator[int]:
    """Yields the number of a card, and holds the first free place on it: Snakemake counts places but hands out none.

    Places 0, 1, ... go round the cards. Snakemake bounds how many are held at a time (`--resources gpu=`): as many as
    there are cards give each job its own, twice as many let two share one.

    Args:
        cards: how many this process sees.
    """
    for place in itertools.count():
        with ExitStack() as stack:
            try:
                stack.enter_context(locks.hold(_places() / f"gpu{place}.lock"))
            except locks.HeldError:
                continue
            except OSError:
                pass  # nothing can be written here: nobody is kept from the card either
            yield place % cards
            return


def _places() -> Path:
    """The folder of the locks of the cards that this process sees, which lies on its machine.

    The working folder may be shared by the nodes of a cluster, whose cards are not; a temporary folder now and then is,
    so the machine is part of the name. Jobs to which a scheduler gave other cards are not in each other's way.

    Raises:
        OSError: no such folder can be made, or somebody else made it.
    """
    folder = Path(tempfile.gettempdir(), f"selfrefine-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} is not this user's")
    seen = [os.environ.get(name, "") for name in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")]
    return folder / hashlib.sha256("\n".join([socket.gethostname(), *seen]).encode()).hexdigest()[:16]


def precision(name: str, on: "torch.device") -> "torch.dtype":
    """The type that networks compute in: auto is bfloat16 where the hardware multiplies it natively, else float32.

    Of a card that does not a line tells.

    Args:
        name: auto, float32 or bfloat16: params.yaml, shared.precision.
        on: the device.

    Raises:
        InputError: another name, or bfloat16 on such a card.
    """
    import torch

    dtype = _dtype(name, on)
    if name == "auto" and on.type == "cuda" and dtype == torch.float32:
        print(f"{torch.cuda.get_device_name(on)} has no bfloat16: networks compute in float32", flush=True)
    machine.uses(precision=str(dtype).removeprefix("torch."))
    return dtype


def _dtype(name: str, on: "torch.device") -> "torch.dtype":
    import torch

    types = {"float32": torch.float32, "bfloat16": torch.bfloat16}
    if name not in ("auto", *types):
        raise InputError(f"params.yaml: shared.precision is {name}; allowed: auto, {', '.join(types)}")
    native = _multiplies_bfloat16(on)
    if name == "bfloat16" and on.type == "cuda" and not native:  # torch imitates it there, slower than float32
        card = torch.cuda.get_device_name(on)
        raise InputError(f"params.yaml: shared.precision is bfloat16, but {card} has none; set it to auto or float32")
    return types["bfloat16" if native else "float32"] if name == "auto" else types[name]


def _multiplies_bfloat16(on: "torch.device") -> bool:
    """Whether the hardware does: cards since Ampere, processors with AVX-512 BF16."""
    import torch

    if on.type == "cuda":
        return torch.cuda.get_device_capability(on)[0] >= 8
    return on.type == "cpu" and bool(torch.cpu._is_avx512_bf16_supported())


def deciding(device: str, precision: str) -> list[str]:
    """What the bytes of a result depend on beside its config: torch, the kind of device, threads, resolved precision.

    A checkpoint of another kind is not gone on from. The model of a card is not among them: on a cluster a job that
    was sent away goes on where there is room.

    Args:
        device, precision: as a config names them; "" where it does not.
    """
    if not device:
        return []
    import torch

    name, found = _resolved(device), [str(torch.__version__)]
    if name == "cpu":
        found += [torch.backends.cpu.get_cpu_capability(), f"{torch.get_num_threads()} threads"]
    return [*found, name, str(_dtype(precision, torch.device(name))) if precision else ""]


def training_attention(on: "torch.device") -> AbstractContextManager[None]:
    """Attention as plain products on the CPU, where torch's fused backward pass is slow; untouched elsewhere.

    Measured at 64 tokens, batch 64, bfloat16, two cores: an update in about 0.7 of the time; inference gains nothing.
    """
    from torch.nn.attention import SDPBackend, sdpa_kernel

    return sdpa_kernel(SDPBackend.MATH) if on.type == "cpu" else nullcontext()


def autocast(on: "torch.device", dtype: "torch.dtype") -> "torch.autocast":
    """Autocast to `dtype`, switched off for float32."""
    import torch

    return torch.autocast(on.type, dtype=dtype, enabled=dtype != torch.float32)
