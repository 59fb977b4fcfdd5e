"""The configs behind a job, the networks that they name, and images that pass these."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import nn

from selfrefine import networks
from selfrefine.core import config_json
from selfrefine.core.names import FLAW
from selfrefine.cost.flops import Kind, Network, count, live_bytes
from selfrefine.diffusion import autoencoder
from selfrefine.evidence.probes import VGG16_CONV2_2
from selfrefine.highlighter.model import Highlighter
from selfrefine.metrics import features, pairwise_blocks, prompt_classifier
from selfrefine.metrics.frechet import FID_NETWORK
from selfrefine.networks import stable_diffusion
from selfrefine.params import job_config
from selfrefine.pretrained.imagenet_backbones import vgg16_features

CLASSES = 10  # that the classifier of real images tells apart; its cost hardly depends on it
FLOAT = 4  # bytes of a weight
DOUBLE = 8  # bytes of a number that measures compute with
STATE = 4  # copies of the weights in a training state: weights, EMA, two moments of AdamW; gradients are no part of it
VOCABULARY, LAYERS = 49408, 12  # of CLIP's text encoder; a layer has 12 times its width squared
EXPLAINED = 64  # images that the highlighter sees together
Work = Iterator["Load | Held | int"]  # what a job asks, one after the other; a number: bytes that it leaves


class Load(NamedTuple):
    """Images that pass a network: how, which, how many at a time and in all, once for each evaluation."""

    kind: Kind
    network: Network
    batch: int
    images: int

    @property
    def flops(self) -> int:
        """Of all images."""
        return count(self.network, self.kind).flops * self.images

    @property
    def state(self) -> int:
        """Bytes of weights and training state."""
        return FLOAT * (STATE if self.kind == "train" else 1) * count(self.network, self.kind).parameters

    def live(self, device: torch.device, dtype: torch.dtype) -> int:
        """Bytes of what a batch leaves behind at a time, if networks compute in `dtype` where they do not measure."""
        return live_bytes(self.network, self.kind, self.batch, device, dtype)


class Held(NamedTuple):
    """Bytes that the process holds beside its networks, where they grow with the number of images."""

    size: int


def memory(loads: Sequence[Load], device: torch.device, dtype: torch.dtype) -> int:
    """Bytes that a job's networks take: the weights and states of all, which stay there, and the largest batch."""
    state: dict[Network, int] = {}
    for load in loads:
        state[load.network] = max(load.state, state.get(load.network, 0))
    return sum(state.values()) + max((load.live(device, dtype) for load in loads), default=0)


class Run:
    """The configs behind one job, from the whole params with the experiment's overlay and the job's wildcards."""

    def __init__(self, params: Mapping[str, Any], names: Mapping[str, str]) -> None:
        self.params, self.names = params, dict(names)
        self.size: int = self.of("prepare_data").get("size", 0)  # px of the images; 0 of a job without data set
        self.tenth: int = params["shared"]["n_fakes"] // 10  # of each class, in a highlighter's validation or test part

    def of(self, stage: str, **names: str) -> dict[str, Any]:
        """The config of a stage in this job's run."""
        return job_config.job(self.params, stage, self.names | names)

    def selected(self, section: str) -> list[str]:
        """Rows that run on the job's data set with its model."""
        return job_config.selected(self.params, section, self.names["dataset"], self.names["model"])

    @property
    def is_latent(self) -> bool:
        """Whether the model works on latents."""
        return job_config.is_latent(self.params, self.names["dataset"], self.names["model"])

    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of what the diffusion network sees: images or latents."""
        if not self.is_latent:
            return self.of("train_base")["network"]["channels"], self.size, self.size
        network = self.of("train_autoencoder")["network"]
        side = self.size // 2 ** (len(network["block_out_channels"]) - 1)
        return network["latent_channels"], side, side

    def network(self) -> Network:
        """The diffusion network; of text-to-image without the text encoder, which no job of it evaluates."""
        base, shape = self.of("train_base"), self.shape()
        prompt: tuple[int, ...] = ()
        if job_config.is_prompted(self.params, self.names["dataset"], self.names["model"]):
            captions = self.of("encode_captions")
            prompt = (captions["tokens"], self.params["text_encoders"][captions["text_encoder"]]["width"])

        def build() -> Any:
            if prompt:
                unet: Any = stable_diffusion.unet(base["network"] | {"channels": shape[0]}, shape[1], prompt[1])
            else:
                first = self._autoencoder() if self.is_latent else None
                unet = networks.build(base["family"], base["network"], base["diffusion"], self.size, 0, first).unet
            if base["gradient_checkpointing"]:
                unet.enable_gradient_checkpointing()
            return unet

        leaves = [base[leaf] for leaf in ("network", "diffusion", "gradient_checkpointing")]
        inputs = (shape, (), *([prompt] if prompt else []))  # noisy images, times, captions
        return Network(_name(base["family"], self.size, leaves, inputs), build, inputs)

    def reader(self) -> int:
        """Bytes of the text encoder that goes along with a pipeline, if it has CLIP's shape; 0 without prompts."""
        if not job_config.is_prompted(self.params, self.names["dataset"], self.names["model"]):
            return 0
        width: int = self.params["text_encoders"][self.of("encode_captions")["text_encoder"]]["width"]
        return FLOAT * (VOCABULARY * width + LAYERS * 12 * width**2)

    def autoencoder(self, part: Literal["", "encoder", "decoder"] = "") -> Network:
        """The autoencoder of a latent family, or one half of it; one from a folder is taken for that of the params."""
        values = self.of("train_autoencoder")
        name = _name(f"autoencoder {part}".strip(), self.size, values["kind"], values["network"])
        inputs = self.shape() if part == "decoder" else (values["network"]["channels"], self.size, self.size)
        return Network(name, lambda: getattr(self._autoencoder(), part) if part else self._autoencoder(), (inputs,))

    def _autoencoder(self) -> Any:
        values = self.of("train_autoencoder")
        return autoencoder.build(values["kind"], values["network"], self.size, seed=0)

    def highlighter(self, name: str = FLAW) -> Network:
        """A highlighter."""
        return highlighter(self.of("train_highlighter", highlighter=name)["input_size"])

    def classifier(self) -> Network:
        """The classifier of real images."""
        return _classifier("classifier", self.size, lambda: prompt_classifier.Classifier(range(CLASSES), self.size))


def images_of(run: Run, n_images: int) -> int:
    """Bytes of images of a run's size."""
    return 3 * n_images * run.size**2


def _name(words: str, size: int, *leaves: Any) -> str:
    return f"{words} {size} px {config_json.to_json(list(leaves))}"


def _classifier(name: str, size: int, build: Callable[[], nn.Module], dtype: torch.dtype = torch.float32) -> Network:
    return Network(_name(name, size), build, ((3, size, size),), dtype, torch.channels_last)


def highlighter(size: int) -> Network:
    """A highlighter of images of this size."""
    return _classifier("highlighter", size, lambda: Highlighter(size, shortcut_guard=False))


def feature_space(name: str, size: int = 0) -> Network:
    """The network behind a feature space of extract_features, at its own size or another; FID's own takes bytes."""
    kind = features.NETWORKS[name]
    dtype = torch.uint8 if name == FID_NETWORK else torch.float32
    return _classifier(name, size or kind.INPUT_IMAGE_SIZE, kind.build, dtype)


def pairs(width: int) -> Network:
    """A block of pairs of images, which evaluate_generation compares by their features: the products of an image with
    SIDE others, the time of nearly all that it does.
    """

    def build() -> nn.Module:
        return nn.Linear(width, pairwise_blocks.SIDE, bias=False, dtype=torch.float64)

    return Network(f"pairs of {width} features", build, ((width,),), torch.float64, on_processors=True)


def places(size: int) -> Network:
    """VGG16 up to conv2_2, which evaluate_readouts compares places with."""
    return _classifier("vgg16_conv2_2", size, lambda: vgg16_features()[: VGG16_CONV2_2 + 2])
