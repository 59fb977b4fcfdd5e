"""What the steps of a training draw: for a GPU drawn by a thread before it is due, and sent without a wait of the host.

A step's draws depend on its number alone (`random_streams`), so the thread changes no byte.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager

import torch
from torch import Tensor

AHEAD = 2  # steps that are drawn and not yet due; each holds a batch in the host's memory

Draws = dict[str, Tensor]  # of a step, by name, on the CPU


def pinned(draws: Draws, device: torch.device) -> Draws:
    """The same; for CUDA in memory that stays where it is, which a card reads by itself."""
    return {name: tensor.pin_memory() for name, tensor in draws.items()} if device.type == "cuda" else draws


def sent(draws: Draws, device: torch.device) -> Draws:
    """Copies on the device; on a CPU the draws themselves. The host waits for none, but for MPS, which pins nothing."""
    wait = device.type == "mps"
    return {name: tensor.to(device, non_blocking=not wait) for name, tensor in pinned(draws, device).items()}


def sent_one(tensor: Tensor, device: torch.device) -> Tensor:
    """As `sent`, of one tensor of the CPU."""
    return sent({"": tensor}, device)[""]


def in_a_thread(device: torch.device) -> bool:
    """Whether steps are drawn beside the updates: where these leave the processor free. On a CPU both want it."""
    return device.type == "cuda"


@contextmanager
def ahead(draw: Callable[[int], Draws], steps: range, device: torch.device) -> Iterator[Iterator[Draws]]:
    """Yields what `draw` returns for each of these steps, in their order; no thread outlives the block.

    Args:
        draw: of a step; called once for each, by one thread. What it raises, the iterator raises in that step's place.
        steps: numbers of steps.
        device: where the draws go.
    """
    if not in_a_thread(device):
        yield map(draw, steps)
        return
    thread = ThreadPoolExecutor(1, thread_name_prefix="draws")
    try:
        yield _in_order(thread, lambda step: pinned(draw(step), device), steps)
    finally:
        thread.shutdown(cancel_futures=True)


def _in_order(thread: Executor, draw: Callable[[int], Draws], steps: range) -> Iterator[Draws]:
    """The results of calls of which at most AHEAD have ended and are not yet asked for."""
    waiting: deque[Future[Draws]] = deque()
    for step in steps:
        waiting.append(thread.submit(draw, step))
        if len(waiting) > AHEAD:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
