"""What each job asks of its networks, one short table a stage: how many images pass which one, in what batches.

Of encode_captions there is none: a plan reads no text encoder of others, and captions are few beside the evaluations
of images; nor of a CLIP in the place of the classifier.
"""

from collections.abc import Callable, Iterator, Mapping
from math import ceil
from typing import Any

from selfrefine.core import names
from selfrefine.core.names import KINDS
from selfrefine.cost import loads
from selfrefine.cost.loads import Load, Run
from selfrefine.cost.planned_jobs import Planned
from selfrefine.diffusion.repaint import Resampling
from selfrefine.evidence.probes import CHUNK
from selfrefine.guidance import map_refresh

EXPLAINED = 64  # images that the highlighter sees together


def of_job(params: Mapping[str, Any], job: Planned) -> list[Load]:
    """What a job asks of networks; nothing if its stage computes on no device."""
    stage = STAGES.get(job.stage)
    return list(stage(Run(params, dict(job.names)))) if stage else []


def refreshes(run: Run) -> int:
    """How often a refinement makes its map anew: at its first update and at every multiple of the cycle (method 3)."""
    values, first, steps = run.of("train_refined"), run.of("train_base")["steps"], refined_steps(run)
    unguided = (values["forward"], values["reverse"]) == ("none", "none")
    return 0 if unguided or not steps else 1 + (first + steps - 1) // values["cycle"] - first // values["cycle"]


def refined_steps(run: Run) -> int:
    """Updates of a refinement."""
    values = run.of("train_refined")
    return int(values["steps"] + round(values["extra_steps"] * values["steps"]))


def measured_images(run: Run) -> int:
    """Images that have features, at most: of variants, samplings and the fork, and photographs of both splits."""
    values = run.of("extract_features")
    rows = len(run.selected("variants")) + len(run.selected("samplings")) + 1
    return int(rows * values["n_images"] + 2 * (values["n_reference"] or values["n_images"]))


def _training(run: Run, steps: int) -> Load:
    """Updates of the diffusion network, whose batches pass it in parts."""
    base = run.of("train_base")
    return Load("train", run.network(), base["batch_size"] // base["gradient_accumulation"], base["batch_size"] * steps)


def _sampled(run: Run, images: int, chunk: int, steps: int) -> Iterator[Load]:
    """Sampling in whole chunks; latents are decoded."""
    images = ceil(images / chunk) * chunk
    yield Load("evaluate", run.network(), chunk, images * steps)
    if run.is_latent:
        yield Load("measure", run.autoencoder("decoder"), chunk, images)


def _train_autoencoder(run: Run) -> Iterator[Load]:
    values = run.of("train_autoencoder")
    batch, measured = values["batch_size"], values["n_images"]
    if not values["folder"]:
        yield Load("train", run.autoencoder(), batch, batch * values["steps"])
    if values["unit_variance"]:
        yield Load("measure", run.autoencoder("encoder"), measured, measured)
    yield Load("measure", run.autoencoder(), batch, measured)


def _encode_data(run: Run) -> Iterator[Load]:
    """At most: how many images there are is only known when they are."""
    chunk = run.of("encode_data")["chunk_size"]
    yield Load("measure", run.autoencoder("encoder"), chunk, ceil(run.of("prepare_data")["max_images"] / chunk) * chunk)


def _generated(stage: str, steps: str) -> Callable[[Run], Iterator[Load]]:
    """Images of a stage that samples; `steps` is the leaf of its evaluations of each."""

    def stage_loads(run: Run) -> Iterator[Load]:
        values = run.of(stage)
        yield from _sampled(run, values["n_images"], values["chunk_size"], values[steps])

    return stage_loads


def _train_highlighter(run: Run) -> Iterator[Load]:
    values, network = run.of("train_highlighter"), run.highlighter(run.names["highlighter"])
    batch = 2 * values["batch_size"]
    yield Load("train", network, batch, batch * values["steps"])
    yield Load("evaluate", network, EXPLAINED, 2 * run.tenth * ceil(values["steps"] / values["validate_every"]))


def _train_refined(run: Run) -> Iterator[Load]:
    values = run.of("train_refined")
    yield _training(run, refined_steps(run))
    if made := values["map_images"] * refreshes(run):
        chunk = min(values["map_images"], map_refresh.CHUNK)
        yield from _sampled(run, made, chunk, values["map_steps"])
        beside = values["map"] in ("label_shuffled", "real_map")  # other maps, beside the mFAM, which is always made
        yield Load("evaluate", run.highlighter(), chunk, made * (1 + beside))


def _evaluate_highlighter(run: Run) -> Iterator[Load]:
    rows = run.selected("highlighters")
    for name in rows:
        yield Load("evaluate", run.highlighter(name), EXPLAINED, 2 * run.tenth)
    planted = len(KINDS) * run.of("evaluate_highlighter")["n_planted"]
    yield Load("evaluate", run.highlighter(), EXPLAINED, (1 + ("unguarded" in rows)) * run.tenth + planted)


def _evaluate_maps(run: Run) -> Iterator[Load]:
    images = run.of("evaluate_maps")["n_images"]
    for name in run.selected("highlighters"):
        yield Load("evaluate", run.highlighter(name), EXPLAINED, images * (2 if name == names.FLAW else 1))


def _evaluate_readouts(run: Run) -> Iterator[Load]:
    values, variants = run.of("evaluate_readouts"), len(run.selected("variants"))
    yield Load("measure", run.network(), CHUNK, variants * values["mechanism_images"])
    yield Load("measure", loads.places(values["input_size"]), CHUNK, (variants + 1) * values["n_images"])
    yield Load("evaluate", run.highlighter(names.CRITIC), EXPLAINED, variants * values["n_images"])


def _extract_features(run: Run) -> Iterator[Load]:
    values = run.of("extract_features")
    for name in values["networks"]:
        yield Load("measure", loads.feature_space(name), values["batch_size"], measured_images(run))


def _inpaint_images(run: Run) -> Iterator[Load]:
    values = run.of("inpaint_images")
    chain = Resampling(values["steps"], values["jump_length"], values["jump_samples"], values["step_samples"])
    yield from _sampled(run, values["n_images"], values["chunk_size"], chain.evaluations())


def _evaluate_inpainting(run: Run) -> Iterator[Load]:
    values, n_images = run.of("evaluate_inpainting"), run.of("inpaint_images")["n_images"]
    results = 2 * len(run.selected("masks")) * len(values["variants"])  # with and without the known pixels pasted
    for name in values["networks"]:
        yield Load("measure", loads.feature_space(name), values["batch_size"], (results + 1) * n_images)
    # LPIPS has AlexNet's convolutions; both images of a pair pass them, in both ranges
    yield Load("measure", loads.perceptual(values["lpips_size"]), values["batch_size"], 4 * results * n_images)


def _train_classifier(run: Run) -> Iterator[Load]:
    values = run.of("train_classifier")
    yield Load("train", run.classifier(), values["batch_size"], values["batch_size"] * values["steps"])


def _evaluate_prompts(run: Run) -> Iterator[Load]:
    values, rows = run.of("evaluate_prompts"), len(run.selected("variants")) + 1  # and the photographs
    if not values["clip_folder"]:
        yield Load("measure", run.classifier(), values["batch_size"], rows * run.of("generate_samples")["n_images"])


STAGES: dict[str, Callable[[Run], Iterator[Load]]] = {
    "train_autoencoder": _train_autoencoder,
    "encode_data": _encode_data,
    "train_base": lambda run: iter([_training(run, run.of("train_base")["steps"])]),
    "generate_fakes": _generated("generate_fakes", "map_steps"),
    "train_highlighter": _train_highlighter,
    "evaluate_highlighter": _evaluate_highlighter,
    "evaluate_maps": _evaluate_maps,
    "train_refined": _train_refined,
    "generate_samples": _generated("generate_samples", "steps"),
    "extract_features": _extract_features,
    "evaluate_readouts": _evaluate_readouts,
    "inpaint_images": _inpaint_images,
    "evaluate_inpainting": _evaluate_inpainting,
    "train_classifier": _train_classifier,
    "evaluate_prompts": _evaluate_prompts,
}
