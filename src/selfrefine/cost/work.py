"""What each job asks of its networks: how many images pass which one, in what batches, with or without training.

One function for each stage that computes on a device; they follow the stages' own loops. Of encode_captions there is
none: a plan reads no text encoder of others, and captions are few beside the evaluations of images.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from math import ceil
from typing import Any

from selfrefine.core import names
from selfrefine.core.names import KINDS
from selfrefine.cost.flops import Classifier
from selfrefine.cost.loads import Load, Run
from selfrefine.cost.planned_jobs import Planned
from selfrefine.diffusion.repaint import Resampling
from selfrefine.evidence.probes import CHUNK
from selfrefine.guidance import map_refresh
from selfrefine.metrics.features import NETWORKS

Params = Mapping[str, Any]
EXPLAINED = 64  # images that the highlighter sees together


def of_job(params: Params, job: Planned) -> list[Load]:
    """What a job asks of networks; nothing if its stage computes on no device."""
    stage = STAGES.get(job.stage)
    return list(stage(Run(params, dict(job.names)))) if stage else []


def refreshes(first: int, steps: int, cycle: int) -> int:
    """How often the map is made anew from update `first` on: then, and at every multiple of the cycle (method 3)."""
    return 1 + (first + steps - 1) // cycle - first // cycle if steps else 0


def _train_autoencoder(run: Run) -> Iterator[Load]:
    values, whole, encoder = run.of("train_autoencoder"), run.autoencoder(), run.autoencoder("encoder")
    assert whole is not None
    assert encoder is not None
    if not values["folder"]:
        yield Load("train", whole, values["batch_size"], values["batch_size"] * values["steps"])
    if values["unit_variance"]:
        yield Load("measure", encoder, values["n_images"], values["n_images"])
    yield Load("measure", whole, values["batch_size"], values["n_images"])


def _encode_data(run: Run) -> Iterator[Load]:
    """At most: how many images there are is only known when they are."""
    chunk, encoder = run.of("encode_data")["chunk_size"], run.autoencoder("encoder")
    assert encoder is not None
    yield Load("measure", encoder, chunk, ceil(run.of("prepare_data")["max_images"] / chunk) * chunk)


def _decoded(run: Run, chunk: int, images: int) -> Iterator[Load]:
    """What a latent family's samples take before they are images."""
    if (decoder := run.autoencoder("decoder")) is not None:
        yield Load("measure", decoder, chunk, images)


def _train_base(run: Run) -> Iterator[Load]:
    yield _training(run, run.of("train_base")["steps"])


def _training(run: Run, steps: int) -> Load:
    """Updates of the diffusion network, whose batches pass it in parts."""
    base = run.of("train_base")
    network = dataclasses.replace(run.network(), checkpointing=base["gradient_checkpointing"])
    return Load("train", network, base["batch_size"] // base["gradient_accumulation"], base["batch_size"] * steps)


def _sampled(run: Run, n_images: int, chunk: int, steps: int) -> Iterator[Load]:
    """Sampling in whole chunks."""
    images = ceil(n_images / chunk) * chunk
    yield Load("evaluate", run.network(), chunk, images * steps)
    yield from _decoded(run, chunk, images)


def _generate_fakes(run: Run) -> Iterator[Load]:
    fakes = run.of("generate_fakes")
    yield from _sampled(run, fakes["n_images"], fakes["chunk_size"], fakes["map_steps"])


def _generate_samples(run: Run) -> Iterator[Load]:
    samples = run.of("generate_samples")
    yield from _sampled(run, samples["n_images"], samples["chunk_size"], samples["steps"])


def _train_highlighter(run: Run) -> Iterator[Load]:
    values, network = run.of("train_highlighter"), run.highlighter(run.names["highlighter"])
    batch = 2 * values["batch_size"]
    yield Load("train", network, batch, batch * values["steps"])
    yield Load("evaluate", network, EXPLAINED, 2 * run.tenth() * ceil(values["steps"] / values["validate_every"]))


def _train_refined(run: Run) -> Iterator[Load]:
    values, base = run.of("train_refined"), run.of("train_base")
    steps = values["steps"] + round(values["extra_steps"] * values["steps"])
    yield _training(run, steps)
    if (values["forward"], values["reverse"]) != ("none", "none"):
        made = values["map_images"] * refreshes(base["steps"], steps, values["cycle"])
        chunk = min(values["map_images"], map_refresh.CHUNK)
        yield Load("evaluate", run.network(), chunk, made * values["map_steps"])
        yield from _decoded(run, chunk, made)
        explained = 2 * made if values["map"] in ("label_shuffled", "real_map") else made  # beside the mFAM, always
        yield Load("evaluate", run.highlighter(), chunk, explained)


def _evaluate_highlighter(run: Run) -> Iterator[Load]:
    planted = run.of("evaluate_highlighter")["n_planted"]
    for name in run.selected("highlighters"):
        yield Load("evaluate", run.highlighter(name), EXPLAINED, 2 * run.tenth())
    maps = 1 + ("unguarded" in run.selected("highlighters"))
    yield Load("evaluate", run.highlighter(), EXPLAINED, maps * run.tenth() + len(KINDS) * planted)


def _evaluate_maps(run: Run) -> Iterator[Load]:
    images = run.of("evaluate_maps")["n_images"]
    for name in run.selected("highlighters"):
        yield Load("evaluate", run.highlighter(name), EXPLAINED, images * (2 if name == names.FLAW else 1))


def _evaluate_readouts(run: Run) -> Iterator[Load]:
    values, variants = run.of("evaluate_readouts"), len(run.selected("variants"))
    yield Load("measure", run.network(), CHUNK, variants * values["mechanism_images"])
    place = Classifier("vgg16_conv4_3", values["input_size"])
    yield Load("measure", place, CHUNK, (variants + 1) * values["n_images"])  # and the photographs
    yield Load("evaluate", run.highlighter(names.CRITIC), EXPLAINED, variants * values["n_images"])


def measured_images(run: Run) -> int:
    """Images that have features, at most: of variants, samplings and the fork, and photographs of both splits."""
    values = run.of("extract_features")
    rows = len(run.selected("variants")) + len(run.selected("samplings")) + 1
    return int(rows * values["n_images"] + 2 * (values["n_reference"] or values["n_images"]))


def _extract_features(run: Run) -> Iterator[Load]:
    values = run.of("extract_features")
    for name in values["networks"]:
        network = Classifier(name, NETWORKS[name].INPUT_IMAGE_SIZE)
        yield Load("measure", network, values["batch_size"], measured_images(run))


def _inpaint_images(run: Run) -> Iterator[Load]:
    values = run.of("inpaint_images")
    chain = Resampling(values["steps"], values["jump_length"], values["jump_samples"], values["step_samples"])
    yield from _sampled(run, values["n_images"], values["chunk_size"], chain.evaluations())


def _evaluate_inpainting(run: Run) -> Iterator[Load]:
    values, n_images = run.of("evaluate_inpainting"), run.of("inpaint_images")["n_images"]
    results = 2 * len(run.selected("masks")) * len(values["variants"])  # with and without the known pixels pasted
    for name in values["networks"]:
        yield Load(
            "measure", Classifier(name, NETWORKS[name].INPUT_IMAGE_SIZE), values["batch_size"], (results + 1) * n_images
        )
    perceptual = Classifier("alexnet_conv5_gap", values["lpips_size"])  # LPIPS has the same convolutions
    yield Load("measure", perceptual, values["batch_size"], 4 * results * n_images)  # both images, in both ranges


def _train_classifier(run: Run) -> Iterator[Load]:
    values = run.of("train_classifier")
    yield Load("train", run.classifier(), values["batch_size"], values["batch_size"] * values["steps"])


def _evaluate_prompts(run: Run) -> Iterator[Load]:
    """A CLIP in the place of the classifier is not counted: a plan reads no folder of another's."""
    values, n_images = run.of("evaluate_prompts"), run.of("generate_samples")["n_images"]
    if not values["clip_folder"]:
        rows = len(run.selected("variants")) + 1  # and the photographs
        yield Load("measure", run.classifier(), values["batch_size"], rows * n_images)


STAGES: dict[str, Callable[[Run], Iterator[Load]]] = {
    "train_autoencoder": _train_autoencoder,
    "encode_data": _encode_data,
    "train_base": _train_base,
    "generate_fakes": _generate_fakes,
    "train_highlighter": _train_highlighter,
    "evaluate_highlighter": _evaluate_highlighter,
    "evaluate_maps": _evaluate_maps,
    "train_refined": _train_refined,
    "generate_samples": _generate_samples,
    "extract_features": _extract_features,
    "evaluate_readouts": _evaluate_readouts,
    "inpaint_images": _inpaint_images,
    "evaluate_inpainting": _evaluate_inpainting,
    "train_classifier": _train_classifier,
    "evaluate_prompts": _evaluate_prompts,
}
