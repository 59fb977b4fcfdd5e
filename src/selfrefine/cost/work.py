"""What each job asks of its networks and leaves on the disk, one short table a stage.

A stage yields loads, which follow its own loop, and as a number the bytes that it leaves. Tables, figures and logs are
a few MiB of all and left out, as are captions and a CLIP: a plan reads no encoder of others.
"""

from collections.abc import Callable, Iterator, Mapping
from math import ceil
from typing import Any, NamedTuple

from selfrefine.core import names
from selfrefine.core.names import KINDS
from selfrefine.cost import loads
from selfrefine.cost.flops import Network, count
from selfrefine.cost.loads import FLOAT, STATE, Load, Run
from selfrefine.cost.planned_jobs import Planned
from selfrefine.diffusion.repaint import Resampling
from selfrefine.evidence.probes import CHUNK
from selfrefine.guidance import map_refresh
from selfrefine.metrics.features import NETWORKS

EXPLAINED = 64  # images that the highlighter sees together
Work = Iterator[Load | int]


class Asked(NamedTuple):
    """What a job asks: loads of networks, and bytes that stay on the disk."""

    loads: list[Load]
    disk: int


def of_job(params: Mapping[str, Any], job: Planned) -> Asked:
    """What a job asks; nothing if its stage neither computes on a device nor leaves much."""
    asked = list(STAGES[job.stage](Run(params, dict(job.names)))) if job.stage in STAGES else []
    return Asked([one for one in asked if isinstance(one, Load)], sum(one for one in asked if isinstance(one, int)))


def refreshes(first: int, steps: int, cycle: int) -> int:
    """How often the map is made anew from update `first` on: then, and at every multiple of the cycle (method 3)."""
    return 1 + (first + steps - 1) // cycle - first // cycle if steps else 0


def _weights(network: Network) -> int:
    return FLOAT * count(network, "evaluate").parameters


def _pipeline(run: Run) -> int:
    """Bytes of the diffusion network and the autoencoder that goes along with it."""
    return _weights(run.network()) + (_weights(run.autoencoder()) if run.is_latent else 0)


def _images(run: Run, n_images: int) -> int:
    """Bytes of packed images."""
    return 3 * n_images * run.size**2


def _training(run: Run, steps: int) -> Load:
    """Updates of the diffusion network, whose batches pass it in parts."""
    base = run.of("train_base")
    return Load("train", run.network(), base["batch_size"] // base["gradient_accumulation"], base["batch_size"] * steps)


def _sampled(run: Run, images: int, chunk: int, steps: int) -> Work:
    """Sampling in whole chunks; latents are decoded."""
    images = ceil(images / chunk) * chunk
    yield Load("evaluate", run.network(), chunk, images * steps)
    if run.is_latent:
        yield Load("measure", run.autoencoder("decoder"), chunk, images)


def _prepare_data(run: Run) -> Work:
    """At most, as _encode_data: how many images there are is only known when they are."""
    yield 2 * _images(run, run.of("prepare_data")["max_images"])


def _train_autoencoder(run: Run) -> Work:
    values = run.of("train_autoencoder")
    batch, measured = values["batch_size"], values["n_images"]
    if not values["folder"]:
        yield Load("train", run.autoencoder(), batch, batch * values["steps"])
    if values["unit_variance"]:
        yield Load("measure", run.autoencoder("encoder"), measured, measured)
    yield Load("measure", run.autoencoder(), batch, measured)
    yield _weights(run.autoencoder())


def _encode_data(run: Run) -> Work:
    chunk, images = run.of("encode_data")["chunk_size"], run.of("prepare_data")["max_images"]
    yield Load("measure", run.autoencoder("encoder"), chunk, ceil(images / chunk) * chunk)
    channels, side, _ = run.shape()
    yield 2 * images * channels * side**2  # float16


def _train_base(run: Run) -> Work:
    yield _training(run, run.of("train_base")["steps"])
    yield _pipeline(run) + STATE * _weights(run.network())


def _generate_fakes(run: Run) -> Work:
    values = run.of("generate_fakes")
    yield from _sampled(run, values["n_images"], values["chunk_size"], values["map_steps"])
    yield _images(run, values["n_images"])


def _train_highlighter(run: Run) -> Work:
    values, network = run.of("train_highlighter"), run.highlighter(run.names["highlighter"])
    batch = 2 * values["batch_size"]
    yield Load("train", network, batch, batch * values["steps"])
    yield Load("evaluate", network, EXPLAINED, 2 * run.tenth * ceil(values["steps"] / values["validate_every"]))
    yield _weights(network)


def _train_refined(run: Run) -> Work:
    values = run.of("train_refined")
    steps, images = values["steps"] + round(values["extra_steps"] * values["steps"]), values["map_images"]
    yield _training(run, steps)
    yield _pipeline(run)
    if (values["forward"], values["reverse"]) != ("none", "none"):
        maps = refreshes(run.of("train_base")["steps"], steps, values["cycle"])
        chunk = min(images, map_refresh.CHUNK)
        yield from _sampled(run, images * maps, chunk, values["map_steps"])
        beside = values["map"] in ("label_shuffled", "real_map")  # other maps, beside the mFAM, which is always made
        yield Load("evaluate", run.highlighter(), chunk, images * maps * (1 + beside))
        yield 2 * maps * FLOAT * run.size**2


def _generate_samples(run: Run) -> Work:
    values = run.of("generate_samples")
    yield from _sampled(run, values["n_images"], values["chunk_size"], values["steps"])
    yield _images(run, values["n_images"])


def _evaluate_highlighter(run: Run) -> Work:
    rows = run.selected("highlighters")
    for name in rows:
        yield Load("evaluate", run.highlighter(name), EXPLAINED, 2 * run.tenth)
    planted = len(KINDS) * run.of("evaluate_highlighter")["n_planted"]
    yield Load("evaluate", run.highlighter(), EXPLAINED, (1 + ("unguarded" in rows)) * run.tenth + planted)


def _evaluate_maps(run: Run) -> Work:
    images = run.of("evaluate_maps")["n_images"]
    for name in run.selected("highlighters"):
        yield Load("evaluate", run.highlighter(name), EXPLAINED, images * (2 if name == names.FLAW else 1))


def _evaluate_readouts(run: Run) -> Work:
    values, variants = run.of("evaluate_readouts"), len(run.selected("variants"))
    yield Load("measure", run.network(), CHUNK, variants * values["mechanism_images"])
    yield Load("measure", loads.places(values["input_size"]), CHUNK, (variants + 1) * values["n_images"])
    yield Load("evaluate", run.highlighter(names.CRITIC), EXPLAINED, variants * values["n_images"])


def _extract_features(run: Run) -> Work:
    """At most: of variants, samplings and the base model, and of photographs of both splits."""
    values = run.of("extract_features")
    rows = len(run.selected("variants")) + len(run.selected("samplings")) + 1
    images = rows * values["n_images"] + 2 * (values["n_reference"] or values["n_images"])
    for name in values["networks"]:
        yield Load("measure", loads.feature_space(name), values["batch_size"], images)
        yield FLOAT * images * NETWORKS[name].WIDTH


def _inpaint_images(run: Run) -> Work:
    values = run.of("inpaint_images")
    chain = Resampling(values["steps"], values["jump_length"], values["jump_samples"], values["step_samples"])
    yield from _sampled(run, values["n_images"], values["chunk_size"], chain.evaluations())
    yield 3 * _images(run, values["n_images"])  # masks count as images


def _evaluate_inpainting(run: Run) -> Work:
    values, n_images = run.of("evaluate_inpainting"), run.of("inpaint_images")["n_images"]
    results = 2 * len(run.selected("masks")) * len(values["variants"])  # with and without the known pixels pasted
    for name in values["networks"]:
        yield Load("measure", loads.feature_space(name), values["batch_size"], (results + 1) * n_images)
    # LPIPS has AlexNet's convolutions; both images of a pair pass them, in both ranges
    perceptual = loads.feature_space("alexnet_conv5_gap", values["lpips_size"])
    yield Load("measure", perceptual, values["batch_size"], 4 * results * n_images)


def _train_classifier(run: Run) -> Work:
    values = run.of("train_classifier")
    yield Load("train", run.classifier(), values["batch_size"], values["batch_size"] * values["steps"])


def _evaluate_prompts(run: Run) -> Work:
    values, rows = run.of("evaluate_prompts"), len(run.selected("variants")) + 1  # and the photographs
    if not values["clip_folder"]:
        yield Load("measure", run.classifier(), values["batch_size"], rows * run.of("generate_samples")["n_images"])


_ALL: tuple[Callable[[Run], Work], ...] = (
    *(_prepare_data, _train_autoencoder, _encode_data, _train_base, _generate_fakes, _train_highlighter),
    *(_train_refined, _generate_samples, _evaluate_highlighter, _evaluate_maps, _evaluate_readouts, _extract_features),
    *(_inpaint_images, _evaluate_inpainting, _train_classifier, _evaluate_prompts),
)
STAGES = {stage.__name__.removeprefix("_"): stage for stage in _ALL}
