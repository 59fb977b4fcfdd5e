"""Memory of a device as torch's allocator counts it; a CPU's is not counted."""

import gc

import torch


def total(device: torch.device) -> int | None:
    """Bytes that the device has."""
    return torch.cuda.mem_get_info(device)[1] if device.type == "cuda" else None


def available(device: torch.device) -> int | None:
    """Bytes that nobody uses now, other programs counted."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else None


def forget_peak(device: torch.device) -> None:
    """Lets `peak` count from now on."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak(device: torch.device) -> int | None:
    """The most bytes of tensors that were there at a time."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None


def give_back(device: torch.device) -> None:
    """Frees what no tensor uses any more."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
