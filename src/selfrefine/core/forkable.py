"""Imports in a process that is to be forked."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def untouched_gpu() -> Iterator[None]:
    """Inside, torch finds no GPU: what is imported there leaves CUDA as it was.

    diffusers asks for GPUs when it is imported. The question starts CUDA, which works in no fork of a process that has
    started it: each job that was forked would end with "Cannot re-initialize CUDA in forked subprocess".
    """
    import torch

    owners: list[Any] = [torch.cuda, torch.accelerator]
    asked = [owner.is_available for owner in owners]
    for owner in owners:
        owner.is_available = _none
    try:
        yield
    finally:
        for owner, question in zip(owners, asked, strict=True):
            owner.is_available = question


def _none() -> bool:
    return False
