"""Progress of a long loop: a bar in a terminal, one plain line about every ten seconds in a log."""

import contextlib
import sys
import time
from types import TracebackType

from tqdm import tqdm

SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """Counts `done` of `total` units and tells what is left.

    Args:
        label: what runs, e.g. "train_base fashion_mnist ddpm seed0".
        total: units in all.
        start: units done before (a resumed job); they do not count for the rate.
        unit: one unit's name, e.g. "step".
        items: images per unit, for the rate in images/s.
        counted: what these are if not images.
    """

    def __init__(
        self, label: str, total: int, *, start: int = 0, unit: str = "step", items: int = 1, counted: str = "images"
    ) -> None:
        self.label, self.total, self.start, self.unit = label, total, start, unit
        self.items, self.counted = items, counted
        self.began = self.printed = time.monotonic()
        self.told = start  # units done at the last line
        self.bar = tqdm(total=total, initial=start, desc=label, unit=unit) if sys.stdout.isatty() else None

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.close()
        elif kind is None and self.told < self.total:
            self._print_line(self.total, {})

    def update(self, done: int, **values: float) -> None:
        """Tells that `done` units are finished; `values` (loss, ...) are printed beside."""
        if self.bar is not None:
            self.bar.set_postfix({name: f"{value:.4g}" for name, value in values.items()}, refresh=False)
            self.bar.update(done - self.bar.n)
        elif done == self.total or time.monotonic() - self.printed >= SECONDS_BETWEEN_LINES:
            self._print_line(done, values)

    def _print_line(self, done: int, values: dict[str, float]) -> None:
        self.printed, self.told = time.monotonic(), done
        seconds = max(self.printed - self.began, 1e-9)
        rate = (done - self.start) / seconds
        left = (self.total - done) / rate if rate > 0 else 0.0
        shown = "".join(f", {name} {value:.4g}" for name, value in values.items())
        clock = f"{int(left) // 3600}:{int(left) % 3600 // 60:02d}:{int(left) % 60:02d}"
        rate_told = f"{rate * self.items:.1f} {self.counted}/s"
        with contextlib.suppress(BrokenPipeError):  # the signal that asks the job to end has ended its log's reader
            print(f"{self.label}: {self.unit} {done}/{self.total}{shown}, {rate_told}, {clock} left", flush=True)
