"""What the server imports that forks the processes of `bounded`."""

from selfrefine.core import forkable

with forkable.untouched_gpu():
    from selfrefine.cost import network_speed

__all__ = ["network_speed"]
