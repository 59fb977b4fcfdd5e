"""Trains the classifier that says what an image shows."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from selfrefine.core import devices, pixels, stopping, training_state
from selfrefine.core.errors import InputError
from selfrefine.core.progress import Progress
from selfrefine.core.random_streams import stream, stream_seed
from selfrefine.metrics.prompt_classifier import Classifier


@dataclasses.dataclass(frozen=True)
class Settings:
    """How the classifier is trained: train_classifier in params.yaml.

    Args:
        steps: updates.
        batch_size: images of an update, drawn with replacement.
        learning_rate: of AdamW at the first update; falls to 0 along half a cosine.
        weight_decay: of AdamW.
        checkpoint_every: updates between two checkpoints.
        draw: another number, another classifier.
    """

    steps: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    checkpoint_every: int
    draw: int

    def rate(self, step: int) -> float:
        """The learning rate of the update with this number, from 0."""
        return self.learning_rate / 2.0 * (1.0 + math.cos(math.pi * step / self.steps))


def initial_classifier(labels: np.ndarray, size: int, draw: int) -> Classifier:
    """An untrained classifier of the labels that occur.

    Raises:
        InputError: fewer than two classes.
    """
    classes = sorted({int(label) for label in labels})
    if len(classes) < 2:
        raise InputError(
            f"classifier: the training images have {len(classes)} class; 2 needed: without classes only CLIP can tell "
            "whether an image shows its prompt, set evaluate_prompts.clip_folder in params.yaml"
        )
    with torch.random.fork_rng(devices=[]):  # layers draw their initial weights from the global generator
        torch.manual_seed(stream_seed(draw, "classifier", 0))
        return Classifier(classes, size)


class ClassifierTrainer:
    """A classifier in training: its weights and AdamW's moments.

    Args:
        model: trained in place, on its device.
        images: (N, size, size, 3) uint8, may be memory-mapped.
        labels: (N,) int64, each one of the model's.
        settings: how.
        dtype: what the network computes in; weights and updates are float32.
    """

    def __init__(
        self, model: Classifier, images: np.ndarray, labels: np.ndarray, settings: Settings, dtype: torch.dtype
    ) -> None:
        self.model, self.images, self.settings, self.dtype = model, images, settings, dtype
        self.targets = torch.from_numpy(np.searchsorted(model.labels, labels))
        self.device = model.head.weight.device
        self.optimiser = torch.optim.AdamW(
            model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
        )
        self.step = 0

    def run(self, scratch: Path, label: str) -> None:
        """Trains from wherever a checkpoint in `scratch` stands to the last step.

        Raises:
            InputError: a loss or, before they are kept, weights that are not finite.
        """
        settings = self.settings
        self._resume(scratch)
        self.model.train()
        with (
            stopping.listening(label, lambda: self._checkpoint(scratch)) as stop,
            Progress(label, settings.steps, start=self.step, items=settings.batch_size) as progress,
        ):
            while self.step < settings.steps:
                loss = self.update()
                if self.step % settings.checkpoint_every == 0 and self.step < settings.steps:
                    self._checkpoint(scratch)
                progress.update(self.step, loss=loss)
                stop.check()
        training_state.check_finite(self.model.state_dict(), self.step, self._remedy)
        self.model.eval()

    def update(self) -> float:
        """One update; returns the loss before it."""
        draws = stream(self.settings.draw, "classifier", self.step + 1)
        rows = torch.randint(len(self.images), (self.settings.batch_size,), generator=draws)
        images = pixels.to_float(self.images[rows.numpy()]).to(self.device)
        with devices.autocast(self.device, self.dtype):
            logits = self.model(images)
        loss = F.cross_entropy(logits.float(), self.targets[rows].to(self.device))
        loss.backward()  # type: ignore[no-untyped-call]
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.rate(self.step)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.step += 1
        found = float(loss.detach())
        if not math.isfinite(found):
            raise InputError(f"classifier: loss is {found} at step {self.step}", self._remedy)
        return found

    @property
    def _remedy(self) -> str:
        """What to do about numbers that are not finite."""
        rate = self.settings.learning_rate
        return f"lower train_classifier.learning_rate ({rate}) in params.yaml and {training_state.ANEW}"

    def _checkpoint(self, scratch: Path) -> int:
        """Keeps all that the next update depends on."""
        tensors = training_state.grouped("weights", self.model.state_dict())
        tensors |= training_state.moments(self.model.named_parameters(), self.optimiser)
        return training_state.write(scratch, tensors, self.step, self._remedy)

    def _resume(self, scratch: Path) -> None:
        """Takes over what `_checkpoint` kept, if anything."""
        if (kept := training_state.read(scratch)) is None:
            return
        tensors, metadata = kept
        self.step = metadata["step"]
        self.model.load_state_dict(training_state.of_group("weights", tensors))
        training_state.restore_moments(self.model.named_parameters(), self.optimiser, tensors)
