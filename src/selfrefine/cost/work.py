"""What each job asks of its networks and leaves on the disk: a stage yields loads, which follow its own loop, and as
numbers the bytes that it leaves. Tables, figures and logs are a few MiB of all and left out. A plan reads no files of
others: a text encoder is taken for one of CLIP's shape, in memory and on the disk; its work is not counted.
"""

from collections.abc import Mapping
from math import ceil, prod
from typing import Any, NamedTuple

from selfrefine.cost import evaluation_work, loads, set_sizes
from selfrefine.cost.flops import Network, count
from selfrefine.cost.loads import DOUBLE, EXPLAINED, FLOAT, STATE, Held, Load, Run, Work, feature_space, images_of
from selfrefine.cost.planned_jobs import Planned
from selfrefine.data.image_decoding import MOST_PIXELS
from selfrefine.diffusion.repaint import Resampling
from selfrefine.diffusion.unit_variance import TOGETHER
from selfrefine.guidance import discriminator, map_history, map_refresh
from selfrefine.params import job_config, row_costs

HALF = 2  # bytes of a number of latents and embeddings
MAPS = 8  # arrays of all pixels that marks, maps and their ranks are held in, of evaluate_human_marks


class Asked(NamedTuple):
    """What a job asks: loads of networks, bytes that stay on the disk, bytes that it holds beside networks."""

    loads: list[Load]
    disk: int
    held: int = 0


def of_job(params: Mapping[str, Any], job: Planned) -> Asked:
    """What a job asks; nothing if its stage neither computes on a device nor leaves much."""
    named = dict(job.names)
    run = Run(params, named | (job_config.run_of_study(params, named["study"]) if "study" in named else {}))
    values = run.of(job.stage)
    asked = [one for kind in (_trains, _makes, evaluation_work.evaluates) for one in kind(job.stage, run, values)]
    return Asked(
        [one for one in asked if isinstance(one, Load)],
        sum(one for one in asked if isinstance(one, int)),
        sum(one.size for one in asked if isinstance(one, Held)),
    )


def refreshes(first: int, steps: int, cycle: int) -> int:
    """How often the map is made anew from update `first` on: then, and at every multiple of the cycle (method 3)."""
    return 1 + (first + steps - 1) // cycle - first // cycle if steps else 0


def _trains(stage: str, run: Run, values: Mapping[str, Any]) -> Work:
    match stage:
        case "train_autoencoder":
            batch, measured, network = values["batch_size"], values["n_images"], run.autoencoder()
            if not values["folder"]:
                yield Load("train", network, batch, batch * values["steps"])
            looks = 1 + values["unit_variance"] * (1 if values["folder"] else 2)  # a check; the scale; first, the mean
            yield Load("measure", run.autoencoder("encoder"), min(TOGETHER, measured), looks * measured)
            yield Load("measure", network, batch, measured)
            yield Held(2 * DOUBLE * measured * prod(run.shape()))  # latents in float64: some together, and joined
            yield _weights(network)
        case "train_base":
            yield _updates(run, values["steps"])
            yield _pipeline(run) + STATE * _weights(run.network())
            yield Held(run.reader())
        case "train_highlighter":
            batch, network = 2 * values["batch_size"], run.highlighter(run.names["highlighter"])
            yield Load("train", network, batch, batch * values["steps"])
            looks = ceil(values["steps"] / values["validate_every"])
            yield Load("evaluate", network, EXPLAINED, 2 * run.tenth * looks)
            yield _weights(network)
        case "evaluate_human_marks":  # of how many images there are, and their validation, nothing is known
            batch, network = 2 * values["batch_size"], loads.highlighter(values["input_size"])
            yield Load("train", network, batch, batch * values["steps"])
            yield Load("evaluate", network, EXPLAINED, values["n_evaluated"])
            yield Held(MAPS * DOUBLE * values["n_evaluated"] * values["size"] ** 2)
        case "train_refined":
            yield from _refined(run, values)
        case "train_classifier":
            yield Load("train", run.classifier(), values["batch_size"], values["batch_size"] * values["steps"])


def _refined(run: Run, values: Mapping[str, Any]) -> Work:
    steps, images = row_costs.updates(values), values["map_images"]
    yield _updates(run, steps)
    yield _pipeline(run)
    yield Held(run.reader() + STATE * _weights(run.network()))  # the state it begins with stays mapped from its file
    if (values["forward"], values["reverse"]) != ("none", "none"):
        maps, chunk = refreshes(run.of("train_base")["steps"], steps, values["cycle"]), min(images, map_refresh.CHUNK)
        yield from _sampled(run, images * maps, chunk, values["map_steps"])
        beside = values["map"] in ("label_shuffled", "real_map")  # other maps, beside the mFAM, which is always made
        yield Load("evaluate", run.highlighter(), chunk, images * maps * (1 + beside))
        yield (2 * min(maps, map_history.MOST_KEPT + 1) + 1) * FLOAT * run.size**2  # both maps, the mean


def _makes(stage: str, run: Run, values: Mapping[str, Any]) -> Work:
    """Of photographs at most: how many there are is only known when they are."""
    match stage:
        case "prepare_data":
            made = images_of(run, set_sizes.photographs(values))
            yield made
            # A folder's images go to the disk; photographs are decoded in four bytes a pixel. A source's are held, grey
            # beside their three channels.
            yield Held(FLOAT * MOST_PIXELS if "folder" in values else made + made // 3)
        case "encode_data":
            chunk, images = values["chunk_size"], set_sizes.trained_on(run.of("prepare_data"))
            yield Load("measure", run.autoencoder("encoder"), chunk, ceil(images / chunk) * chunk)
            channels, side, _ = run.shape()
            yield HALF * images * channels * side**2
        case "encode_captions":
            width = run.params["text_encoders"][values["text_encoder"]]["width"]
            yield Held(run.reader())
            yield HALF * (1 + set_sizes.captions(run.of("prepare_data"))) * values["tokens"] * width
        case "generate_fakes" | "generate_samples":
            fakes = stage == "generate_fakes"
            steps = values["map_steps"] if fakes else values["steps"] * row_costs.passes(values)
            yield from _sampled(run, values["n_images"], values["chunk_size"], steps)
            yield images_of(run, values["n_images"])
            if not fakes and values["guide_scale"] != 1.0:
                yield Held(_weights(run.network()))  # of the guide
            if not fakes and values["discriminator_scale"] != 0.0:
                yield from _discriminated(run, values)
        case "choose_eps_scale":
            images = (len(values["scales"]) + 1) * values["n_images"]  # and one more scale between them
            yield from _sampled(run, images, values["chunk_size"], values["steps"] * row_costs.passes(values))
            measured = feature_space(values["primary_network"])
            yield Load("measure", measured, values["batch_size"], images + values["n_images"])  # and photographs
        case "inpaint_images":
            chain = Resampling(values["steps"], values["jump_length"], values["jump_samples"], values["step_samples"])
            yield from _sampled(run, values["n_images"], values["chunk_size"], chain.evaluations())
            yield 3 * images_of(run, values["n_images"])  # masks count as images


def _updates(run: Run, steps: int) -> Load:
    """Of the diffusion network, which the batches pass in parts."""
    base = run.of("train_base")
    return Load("train", run.network(), base["batch_size"] // base["gradient_accumulation"], base["batch_size"] * steps)


def _sampled(run: Run, images: int, chunk: int, steps: int) -> Work:
    """Sampling in whole chunks; latents are decoded."""
    images = ceil(images / chunk) * chunk
    yield Load("evaluate", run.network(), chunk, images * steps)
    if run.is_latent:
        yield Load("measure", run.autoencoder("decoder"), chunk, images)


def _discriminated(run: Run, values: Mapping[str, Any]) -> Work:
    """Passes of the discriminator, forward and backward; at most, since gradients of its weights are counted, too."""
    judge = run.highlighter(run.params["samplings"][run.names["variant"]]["discriminated_by"])
    images = ceil(values["n_images"] / values["chunk_size"]) * values["chunk_size"]
    yield Load("train", judge, min(values["chunk_size"], discriminator.PIECE), images * values["steps"])


def _weights(network: Network) -> int:
    return FLOAT * count(network, "evaluate").parameters


def _pipeline(run: Run) -> int:
    """Bytes of the diffusion network, and of the autoencoder and the text encoder that go along with it."""
    return _weights(run.network()) + (_weights(run.autoencoder()) if run.is_latent else 0) + run.reader()
