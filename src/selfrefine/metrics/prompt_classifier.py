"""A small classifier of real images: whether an image made from a prompt shows the prompt's class.

It learns from real training images and their labels alone and has nothing in common with the highlighter or a diffusion
model, which must not judge themselves.
"""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from selfrefine.core import files, job, pixels
from selfrefine.core.errors import InputError
from selfrefine.core.progress import Progress
from selfrefine.core.random_streams import stream, stream_seed

CHECKPOINT = "checkpoint.safetensors"
MOMENTS = ("exp_avg", "exp_avg_sq")  # of AdamW
METADATA = ("labels", "size")
FIRST_WIDTH, LAST_WIDTH = 32, 256  # channels: doubled at each halving of the side
LAST_SIDE = 4  # px of the last feature map, at least


class Classifier(nn.Module):
    """Convolutions that halve the side down to 4 to 7 px, then one linear layer.

    # Not in paper: the network and its training, because Table 4 has no score of its own for what an image shows.

    Args:
        labels: whole numbers, the classes in the order of the outputs.
        size: side of the images, px.
    """

    def __init__(self, labels: Sequence[int], size: int) -> None:
        super().__init__()
        self.labels, self.size = list(labels), size
        blocks: list[nn.Module] = []
        channels, side = 3, size
        while side >= 2 * LAST_SIDE or not blocks:
            width = min(LAST_WIDTH, FIRST_WIDTH if not blocks else 2 * channels)
            convolution = nn.Conv2d(channels, width, 3, padding=1, bias=False)  # the norm has a bias
            blocks.append(nn.Sequential(convolution, nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)))
            channels, side = width, side // 2
        self.features = nn.Sequential(*blocks).to(memory_format=torch.channels_last)
        self.head = nn.Linear(channels * side**2, len(self.labels))

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes) of images (N, 3, size, size) in [-1, 1]."""
        logits: Tensor = self.head(self.features(images.contiguous(memory_format=torch.channels_last)).flatten(1))
        return logits

    def save(self, path: Path) -> None:
        """Writes weights, labels and size as safetensors."""
        files.write_tensors(path, self.state_dict(), {name: getattr(self, name) for name in METADATA})


def load(path: Path, device: torch.device) -> Classifier:
    """Reads a classifier that `save` wrote, ready to predict.

    Raises:
        InputError: another file, or weights that do not fit.
    """
    tensors, metadata = files.read_tensors(path)
    missing = [name for name in METADATA if name not in metadata]
    if missing:
        raise InputError(f"{path}: not a classifier of ours (no {missing[0]}); train_classifier makes one")
    model = Classifier(metadata["labels"], metadata["size"])
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise InputError(f"{path}: weights do not fit the classifier; delete it and run the same command") from error
    return model.to(device).eval()


@torch.no_grad()
def predict(model: Classifier, images: np.ndarray, batch_size: int) -> np.ndarray:
    """The label of each image, (N,) int64.

    Args:
        model: as `load` gives it.
        images: (N, size, size, 3) uint8.
        batch_size: images at a time.

    Raises:
        InputError: images of another size than it has learned from.
    """
    if images.shape[1:3] != (model.size, model.size):
        raise InputError(
            f"classifier: images of {images.shape[1]} x {images.shape[2]} px given, {model.size} px needed as it has "
            "learned from; delete the older of the two and run the same command"
        )
    device = model.head.weight.device
    chunks = [
        model(pixels.to_float(images[start : start + batch_size]).to(device)).argmax(dim=1).cpu()
        for start in range(0, len(images), batch_size)
    ]
    found: np.ndarray = np.asarray(model.labels, np.int64)[torch.cat(chunks).numpy()]
    return found


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
            InputError: a loss that is not finite.
        """
        settings, path = self.settings, scratch / CHECKPOINT
        self._resume(path)
        self.model.train()
        with Progress(label, settings.steps, start=self.step, items=settings.batch_size) as progress:
            while self.step < settings.steps:
                loss = self.update()
                if self.step % settings.checkpoint_every == 0 and self.step < settings.steps:
                    self._checkpoint(path)
                progress.update(self.step, loss=loss)
        self.model.eval()

    def update(self) -> float:
        """One update; returns the loss before it."""
        draws = stream(self.settings.draw, "classifier", self.step + 1)
        rows = torch.randint(len(self.images), (self.settings.batch_size,), generator=draws)
        images = pixels.to_float(self.images[rows.numpy()]).to(self.device)
        with job.autocast(self.device, self.dtype):
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
            raise InputError(
                f"classifier: loss is {found} at step {self.step}; lower train_classifier.learning_rate "
                f"({self.settings.learning_rate}) in params.yaml and run the same command"
            )
        return found

    def _checkpoint(self, path: Path) -> None:
        """Keeps all that the next update depends on."""
        tensors = {f"weights/{name}": value for name, value in self.model.state_dict().items()}
        for name, parameter in self.model.named_parameters():
            tensors |= {f"{key}/{name}": value for key, value in self.optimiser.state[parameter].items()}
        files.write_tensors(path, tensors, {"step": self.step})

    def _resume(self, path: Path) -> None:
        """Takes over what `_checkpoint` kept, if anything."""
        if not path.is_file():
            return
        tensors, metadata = files.read_tensors(path)
        self.step = metadata["step"]
        self.model.load_state_dict({name: tensors[f"weights/{name}"] for name in self.model.state_dict()})
        for name, parameter in self.model.named_parameters():
            moments = {key: torch.empty_like(parameter).copy_(tensors[f"{key}/{name}"]) for key in MOMENTS}
            # torch keeps the count of updates in float32, for a fused optimiser beside the weights
            self.optimiser.state[parameter] = moments | {"step": tensors[f"step/{name}"].to(self.device)}
        print(f"going on after step {self.step}", flush=True)
