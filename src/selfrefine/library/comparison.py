"""A pipeline refined, and trained on as long without maps: both from the same start, batches, times and noise.

Each step of the work keeps what it made in the folder of the run, so that the same call goes on after a kill.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from selfrefine.core import arrays, files, random_streams
from selfrefine.guidance import map_history
from selfrefine.guidance.map_history import MapHistory
from selfrefine.guidance.map_refresh import MapRecipe
from selfrefine.guidance.refinement import Refinement
from selfrefine.highlighter import model as highlighter_model
from selfrefine.highlighter.gradcam import explain
from selfrefine.highlighter.model import Highlighter
from selfrefine.library import steps as method
from selfrefine.library.conditions import Conditions, Told, told_of
from selfrefine.library.refine import highlighter_settings, refinement, settings
from selfrefine.library.subject import Subject
from selfrefine.metrics import features, generation, intervals
from selfrefine.metrics.generation import ImageSet
from selfrefine.metrics.intervals import Estimate
from selfrefine.metrics.kernel import kernel_distance

START, BASELINE, REFINED = "start", "baseline", "refined"  # models; the last two are folders of the run
HIGHLIGHTER = "highlighter.safetensors"
SHOWN = 8  # images of each model in the report
SPACE = "alexnet_conv5_gap"  # Not in paper: AlexNet's features, because the highlighter begins as VGG16
NEIGHBOURS = 3  # of precision and recall, which are not reported
BATCH = 64  # images whose features are extracted together


@dataclass(frozen=True)
class Asked:
    """All numbers of a run; their meaning and the paper's values are in `refine` and `train_highlighter`.

    Args:
        samples: images of each model that are measured.
        checkpoint_every: updates after which a training is kept.
        lora: rank of the weights that are trained in the place of all; 0 trains all.
        flip: whether half of the images are mirrored.
    """

    steps: int
    highlighter_steps: int
    input_size: int
    n_fakes: int
    samples: int
    map_images: int
    map_steps: int
    cycle: int
    forward_weight: float
    reverse_weight: float
    batch_size: int
    learning_rate: float
    highlighter_learning_rate: float
    ema_decay: float
    flip: bool
    seed: int
    checkpoint_every: int = 500
    lora: int = 0


@dataclass(frozen=True)
class Comparison:
    """What the report shows.

    Args:
        images: model -> its first images, from the same noise, (n, H, H, 3) uint8.
        maps: model -> their flaw maps, (n, S, S) float32 in [0, 1].
        mean_maps: the mean flaw maps of the first and of the last refresh, (0 to 2, H, H) float32.
        distances: model -> FD to the photographs.
        kernel_distances: model -> squared MMD to them.
        difference: log FD(refined) - log FD(baseline).
        n_images, n_photographs: that were measured.
        doubt: what must be said of the maps; "" where nothing must.
    """

    images: dict[str, np.ndarray]
    maps: dict[str, np.ndarray]
    mean_maps: np.ndarray
    distances: dict[str, Estimate]
    kernel_distances: dict[str, Estimate]
    difference: Estimate
    n_images: int
    n_photographs: int
    doubt: str


class Run:
    """A comparison in a folder.

    Args:
        subject: the pipeline given, checked, on its device.
        images: (N, H, H, 3) uint8, may be memory-mapped.
        conditions: what they show.
        asked: numbers.
        folder: where pipelines, highlighter and what is not yet finished are.
        vgg16, alexnet: weights; the first one unless a highlighter is given.
        highlighter: one that was trained before; None trains one.
    """

    def __init__(
        self,
        subject: Subject,
        images: np.ndarray,
        conditions: Conditions | None,
        asked: Asked,
        folder: Path,
        vgg16: Path | None,
        alexnet: Path,
        highlighter: Highlighter | None = None,
    ) -> None:
        self.subject, self.images, self.asked, self.folder = subject, images, asked, folder
        self.work, self.vgg16, self.alexnet, self.given = folder / "work", vgg16, alexnet, highlighter
        self.told: Told = told_of(subject, conditions, self.work)

    def make(self) -> Comparison:
        """All steps, those that are finished already left out."""
        asked, work = self.asked, self.work
        print("1 of 5: images of the pipeline, and the highlighter that tells them from yours", flush=True)
        highlighter = self._highlighter()
        print(f"2 of 5: {asked.steps} plain steps, the baseline", flush=True)
        plain = refinement(0.0, 0.0, asked.cycle)
        models = {START: self.subject, BASELINE: self._trained(BASELINE, highlighter, plain)}
        print(f"3 of 5: {asked.steps} steps with flaw maps, from the same start and with the same noise", flush=True)
        use = refinement(asked.forward_weight, asked.reverse_weight, asked.cycle)
        models[REFINED] = self._trained(REFINED, highlighter, use)
        print("4 of 5: images of both", flush=True)
        count = {START: SHOWN, BASELINE: asked.samples, REFINED: asked.samples}
        samples = {name: self._sampled(name, model, count[name]) for name, model in models.items()}
        print("5 of 5: how far they are from your images", flush=True)
        first = {name: np.asarray(found[:SHOWN]) for name, found in samples.items()}
        found = self._measured({name: samples[name] for name in (BASELINE, REFINED)})
        return Comparison(
            first,
            {name: self._explained(highlighter, images) for name, images in first.items()},
            arrays.read_array(work / f"{REFINED}_maps.npy"),
            *found,
            asked.samples,
            len(self.images),
            str(files.read_json(work / f"{REFINED}_maps.json")),
        )

    def _kept(self, name: str, make: Callable[[], np.ndarray]) -> np.ndarray:
        """An array of the work: read if it is there, made and kept if not."""
        path = self.work / f"{name}.npy"
        if not path.is_file():
            arrays.write_array(path, make())
        return arrays.read_array(path)

    def _sampled(self, name: str, model: Subject, n: int, purpose: random_streams.Purpose = "evaluation") -> np.ndarray:
        asked, place = self.asked, self.work / f"{name}_chunks"
        how = (n, asked.map_steps, purpose, asked.seed, place, self.told, f"images of {name}")
        found = self._kept(f"{name}_images", lambda: method.sampled(model, *how))
        shutil.rmtree(place, ignore_errors=True)
        return found

    def _highlighter(self) -> Highlighter:
        """The one given, else the one of the run, which is trained first if it is not there."""
        asked, path, place = self.asked, self.folder / HIGHLIGHTER, self.work / "highlighter"
        if self.given is not None:
            self.given.save(path)
        if not path.is_file():
            assert self.vgg16 is not None, "a highlighter begins with these weights"
            n = min(asked.n_fakes, len(self.images))
            fakes = self._sampled("fakes", self.subject, n, "highlighter_fakes")
            method.trained_highlighter(
                self.subject,
                self.images,
                fakes,
                highlighter_settings(asked.highlighter_steps, 32, asked.highlighter_learning_rate),
                asked.input_size,
                self.vgg16,
                horizontal_flip=asked.flip,
                seed=asked.seed,
                scratch=place,
            ).save(path)
        shutil.rmtree(place, ignore_errors=True)
        return highlighter_model.load(path, self.subject.device)

    def _trained(self, name: str, highlighter: Highlighter, use: Refinement) -> Subject:
        """The pipeline of a folder of the run, which is trained first if it is not there."""
        asked, folder, place = self.asked, self.folder / name, self.work / f"{name}_training"
        if not folder.is_dir():
            how = settings(
                asked.steps, asked.batch_size, asked.learning_rate, asked.ema_decay, asked.flip, self.told.dropout
            )
            made = method.trained_on(
                self.subject,
                self.images,
                highlighter,
                how,
                use,
                MapRecipe(asked.map_images, asked.map_steps),
                told=self.told,
                seed=asked.seed,
                scratch=place,
                lora=asked.lora,
                checkpoint_every=asked.checkpoint_every,
                label=name,
            )
            arrays.write_array(self.work / f"{name}_maps.npy", ends(made.maps, self.subject.size))
            # what a doubt goes on to is the workflow's
            doubt = map_history.doubt(made.maps.rows, "mfam").partition("; see")[0]
            files.write_json(self.work / f"{name}_maps.json", doubt)
            method.save(self.subject, made, folder)
        shutil.rmtree(place, ignore_errors=True)
        return method.load(self.subject, folder)

    def _explained(self, highlighter: Highlighter, images: np.ndarray) -> np.ndarray:
        streams = [random_streams.stream(self.asked.seed, "readouts", row) for row in range(len(images))]
        return explain(highlighter, images, streams, self.subject.dtype)

    def _measured(self, samples: dict[str, np.ndarray]) -> tuple[dict[str, Estimate], dict[str, Estimate], Estimate]:
        """FD and kernel distance of each, and their difference in log FD."""
        extractor = features.extractor(SPACE, {"alexnet": self.alexnet})

        def extracted(name: str, images: np.ndarray) -> ImageSet:
            how = {"batch_size": BATCH, "device": self.subject.device, "label": f"features of {name}"}
            found = self._kept(f"{name}_features", partial(features.extract, extractor, images, **how))  # type: ignore[arg-type]
            return ImageSet(np.asarray(found, np.float64), NEIGHBOURS)

        real = extracted("photographs", self.images)
        sets = {name: extracted(name, images) for name, images in samples.items()}
        return (
            {name: generation.distance(found, real) for name, found in sets.items()},
            {name: intervals.normal(*kernel_distance(found.pool, real.pool)) for name, found in sets.items()},
            generation.log_difference(sets[REFINED], sets[BASELINE], real),
        )


def ends(maps: MapHistory, size: int) -> np.ndarray:
    """The mean flaw maps of the first and of the last refresh, (0 to 2, H, H) float32."""
    found = maps.stack(size).mfam
    return found[[0, -1]].numpy() if len(found) else found.numpy()
