"""Training of the highlighter: cross-entropy, AdamW, one cycle of the learning rate, the best state on validation."""

import dataclasses
import math
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from selfrefine.core import devices, prefetch, stopping, training_state
from selfrefine.core.errors import InputError
from selfrefine.core.progress import Progress
from selfrefine.highlighter.data import RealsAndFakes, draw_seed, use_seed
from selfrefine.highlighter.model import FAKE, REAL, Highlighter, Reader, classify, stored

# One cycle as in the authors' trainer (method 4).
RISING_SHARE, FIRST_DIVISOR, LAST_DIVISOR = 0.1, 25.0, 1e4


@dataclasses.dataclass(frozen=True)
class Settings:
    """How the highlighter is trained.

    Args:
        steps: updates.
        batch_size: images of each class per update.
        learning_rate: peak of the cycle.
        weight_decay: of AdamW.
        validate_every: updates between two looks at the validation part; a checkpoint is kept at each.
    """

    steps: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    validate_every: int

    def rate(self, step: int) -> float:
        """The learning rate of the update with this number, from 0: torch's OneCycleLR, also for a handful of steps."""
        low, high = self.learning_rate / FIRST_DIVISOR, self.learning_rate
        peak = RISING_SHARE * self.steps - 1.0
        if step < peak:
            return _between(low, high, step / peak)
        return _between(high, low / LAST_DIVISOR, (step - peak) / (self.steps - 1.0 - peak))


def _between(first: float, last: float, share: float) -> float:
    """From `first` to `last` along half a cosine."""
    return last + (first - last) / 2.0 * (1.0 + math.cos(math.pi * share))


def initial_highlighter(
    input_size: int, shortcut_guard: bool, weights: Path, seed: int, draw: int = 0, noised: bool = False
) -> Highlighter:
    """ImageNet's convolutions and a seeded head.

    Args:
        input_size: px, a multiple of 32.
        shortcut_guard: see `Highlighter`.
        weights: VGG16 as safetensors.
        seed: of the run.
        draw: of several highlighters of the run; each has its own head.
        noised: see `Highlighter`.
    """
    with torch.random.fork_rng(devices=[]):  # layers draw their initial weights from the global generator
        torch.manual_seed(use_seed(draw_seed(seed, draw), "initial_head"))
        model = Highlighter(input_size, shortcut_guard, draw, noised)
    model.load_imagenet(weights)
    return model


@dataclasses.dataclass(frozen=True)
class Best:
    """The best state so far: more accurate, else of lower loss, else earlier."""

    weights: dict[str, Tensor]
    accuracy: float = -1.0
    loss: float = math.inf

    def beaten_by(self, accuracy: float, loss: float) -> bool:
        """Whether a later state replaces this one."""
        return (accuracy, -loss) > (self.accuracy, -self.loss)


class HighlighterTrainer:
    """A highlighter in training: its weights, AdamW's moments, the best state, the log.

    Args:
        model: trained in place, on its device.
        data: real and generated images.
        settings: how.
        dtype: what the network computes in; weights and updates are float32.
        read: what the model is given of the images.
    """

    def __init__(
        self, model: Highlighter, data: RealsAndFakes, settings: Settings, dtype: torch.dtype, read: Reader = stored
    ) -> None:
        self.model, self.data, self.settings, self.dtype, self.read = model, data, settings, dtype, read
        self.device = model.mean.device
        self.optimiser = torch.optim.AdamW(
            model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
        )
        self.step = 0
        self.best = Best({})
        self.log: list[tuple[int, float, float | None]] = []
        self.losses: list[Tensor] = []  # of the updates since the last row of the log

    def run(self, scratch: Path, label: str) -> None:
        """Trains from wherever a checkpoint in `scratch` stands to the last step; ends with the best weights.

        Raises:
            InputError: a loss or, before they are kept, weights that are not finite.
        """
        settings = self.settings
        self._resume(scratch)
        with (
            stopping.listening(label, lambda: self._checkpoint(scratch)) as stop,
            Progress(label, settings.steps, start=self.step, items=2 * settings.batch_size) as progress,
            prefetch.ahead(self.draws, range(self.step, settings.steps), self.device) as draws,
        ):
            for drawn in draws:
                self.losses.append(self.update(drawn))
                if self.step % settings.validate_every == 0 or self.step == settings.steps:
                    self._log()
                    self.log[-1] = (*self.log[-1][:2], self.validate())
                    if self.step < settings.steps:
                        self._checkpoint(scratch)
                    progress.update(self.step, loss=self.log[-1][1])
                else:
                    progress.update(self.step)
                stop.check()
        training_state.check_finite(self.best.weights, self.step, self._remedy)
        self.model.load_state_dict(self.best.weights)

    def draws(self, step: int) -> prefetch.Draws:
        """`images`, `labels` and, behind the guard, `dither` of a step, on the CPU; depends on no update."""
        batch = self.data.batch(step, self.settings.batch_size)
        found = {"images": self.read(batch.images, batch.streams), "labels": batch.labels}
        dither = self.model.dither(batch.streams, batch.images.shape[1:3])
        return found if dither is None else found | {"dither": dither}

    def update(self, drawn: prefetch.Draws | None = None) -> Tensor:
        """One update, with what `draws` returns for this step; returns the loss before it, a scalar on the device."""
        draws = prefetch.sent(self.draws(self.step) if drawn is None else drawn, self.device)
        prepared = self.model.standardised(self.model.dithered(draws["images"], draws.get("dither")))
        with devices.autocast(self.device, self.dtype):
            logits = self.model(prepared)
        loss = F.cross_entropy(logits.float(), draws["labels"])
        loss.backward()  # type: ignore[no-untyped-call]
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.rate(self.step)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.step += 1
        return loss.detach()

    def _log(self) -> None:
        """A row of the log for each update that has none yet; waits for the device."""
        losses = training_state.read_losses(self.losses, self.step, self._remedy)
        self.log += [(number, loss, None) for number, loss in enumerate(losses, self.step - len(losses) + 1)]
        self.losses.clear()

    def validate(self) -> float:
        """Mean of the two classes' accuracies on the validation part; keeps the state if it is the best so far."""
        batch = self.data.part("validation")
        logits = classify(self.model, batch.images, batch.streams, self.dtype, read=self.read)
        labels = batch.labels
        loss = self._finite(float(F.cross_entropy(logits, labels)), "validation loss")
        right = (logits.argmax(dim=1) == labels).float()
        accuracy = float((right[labels == REAL].mean() + right[labels == FAKE].mean()) / 2)
        if self.best.beaten_by(accuracy, loss):
            weights = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
            self.best = Best(weights, accuracy, loss)
        return accuracy

    def _finite(self, loss: float, name: str) -> float:
        """`loss`, if it is a number.

        Raises:
            InputError: it is not.
        """
        if math.isfinite(loss):
            return loss
        raise InputError(f"{name} is {loss} at step {self.step}", self._remedy)

    @property
    def _remedy(self) -> str:
        """What to do about numbers that are not finite."""
        rate = self.settings.learning_rate
        return (
            f"lower train_highlighter.learning_rate ({rate}) in params.yaml, or set shared.precision to float32, and "
            f"{training_state.ANEW}"
        )

    def _checkpoint(self, scratch: Path) -> int:
        """Keeps all that the next update and the result depend on."""
        self._log()
        tensors = training_state.grouped("weights", self.model.state_dict())
        tensors |= training_state.grouped("best", self.best.weights)
        tensors |= training_state.moments(self.model.named_parameters(), self.optimiser)
        best = {"accuracy": self.best.accuracy, "loss": self.best.loss}
        return training_state.write(scratch, tensors, self.step, self._remedy, log=self.log, best=best)

    def _resume(self, scratch: Path) -> None:
        """Takes over what `_checkpoint` kept, if anything."""
        if (kept := training_state.read(scratch)) is None:
            return
        tensors, metadata = kept
        self.step, self.log = metadata["step"], [tuple(row) for row in metadata["log"]]
        self.model.load_state_dict(training_state.of_group("weights", tensors))
        best = {name: value.to(self.device) for name, value in training_state.of_group("best", tensors).items()}
        self.best = Best(best, **metadata["best"])
        training_state.restore_moments(self.model.named_parameters(), self.optimiser, tensors)
