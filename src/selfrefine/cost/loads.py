"""The configs behind a job, the networks that they name, and images that pass these."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal, NamedTuple

import torch
from torch import nn

from selfrefine import networks
from selfrefine.core import config_json
from selfrefine.core.names import FLAW
from selfrefine.cost.flops import Kind, Network, count
from selfrefine.diffusion import autoencoder
from selfrefine.evidence.probes import VGG16_CONV4_3
from selfrefine.highlighter.model import Highlighter
from selfrefine.metrics import features, prompt_classifier
from selfrefine.metrics.frechet import FID_NETWORK
from selfrefine.networks import stable_diffusion
from selfrefine.params import job_config
from selfrefine.pretrained.imagenet_backbones import vgg16_features

CLASSES = 10  # that the classifier of real images tells apart; its cost hardly depends on it
Part = Literal["whole", "encoder", "decoder"]  # of an autoencoder


class Load(NamedTuple):
    """Images that pass a network: how, which, how many at a time and in all, once for each evaluation."""

    kind: Kind
    network: Network
    batch: int
    images: int

    @property
    def flops(self) -> float:
        """Of all images."""
        return count(self.network, self.kind, self.batch).flops * self.images / self.batch


class Run:
    """The configs behind one job.

    Args:
        params: the whole of params.yaml with the experiment's overlay.
        names: the job's wildcards.
    """

    def __init__(self, params: Mapping[str, Any], names: Mapping[str, str]) -> None:
        self.params, self.names = params, dict(names)

    def of(self, stage: str, **names: str) -> dict[str, Any]:
        """The config of a stage in this job's run."""
        return job_config.job(self.params, stage, self.names | names)

    def selected(self, section: str) -> list[str]:
        """Rows that run on the job's data set with its model."""
        return job_config.selected(self.params, section, self.names["dataset"], self.names["model"])

    @property
    def size(self) -> int:
        """Side of the images, px."""
        return int(self.of("prepare_data")["size"])

    @property
    def is_latent(self) -> bool:
        """Whether its model works on latents."""
        return job_config.is_latent(self.params, self.names["dataset"], self.names["model"])

    @property
    def tenth(self) -> int:
        """Images of each class in the validation or the test part of a highlighter."""
        return int(self.params["shared"]["n_fakes"]) // 10

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """Channels and sides of what the diffusion network sees."""
        if not self.is_latent:
            return self.of("train_base")["network"]["channels"], self.size, self.size
        network = self.of("train_autoencoder")["network"]
        side = self.size // 2 ** (len(network["block_out_channels"]) - 1)
        return network["latent_channels"], side, side

    def network(self) -> Network:
        """The diffusion network; of text-to-image without the text encoder, which no job of it evaluates."""
        base, shape = self.of("train_base"), self.latent_shape
        leaves = {leaf: base[leaf] for leaf in ("family", "network", "diffusion", "gradient_checkpointing")}
        inputs: tuple[tuple[int, ...], ...] = (shape, ())  # noisy images and times
        if job_config.is_prompted(self.params, self.names["dataset"], self.names["model"]):
            captions = self.of("encode_captions")
            inputs += ((captions["tokens"], self.params["text_encoders"][captions["text_encoder"]]["width"]),)
        name = f"{base['family']} {self.size} px {config_json.to_json([leaves, inputs])}"
        first = self._autoencoder if self.is_latent else lambda: None
        return Network(name, partial(_diffusion, base, self.size, inputs, first), inputs)

    def autoencoder(self, part: Part = "whole") -> Network:
        """The first stage of a latent family, or one half of it; one from a folder is taken for that of the params."""
        values = self.of("train_autoencoder")
        image = (values["network"]["channels"], self.size, self.size)
        name = f"{part} autoencoder {self.size} px {config_json.to_json([values['kind'], values['network']])}"
        inputs = self.latent_shape if part == "decoder" else image
        return Network(
            name,
            lambda: self._autoencoder() if part == "whole" else getattr(self._autoencoder(), part),
            (inputs,),
        )

    def _autoencoder(self) -> Any:
        values = self.of("train_autoencoder")
        return autoencoder.build(values["kind"], values["network"], self.size, seed=0)

    def highlighter(self, name: str = FLAW) -> Network:
        """A highlighter."""
        size = self.of("train_highlighter", highlighter=name)["input_size"]
        return _classifier("highlighter", size, lambda: Highlighter(size, shortcut_guard=False))

    def classifier(self) -> Network:
        """The classifier of real images."""
        return _classifier("classifier", self.size, lambda: prompt_classifier.Classifier(range(CLASSES), self.size))


def _diffusion(base: dict[str, Any], size: int, inputs: tuple[tuple[int, ...], ...], first: Callable[[], Any]) -> Any:
    """The diffusion network of these inputs, on images of `size` px or on latents of the autoencoder `first`."""
    if len(inputs) > 2:
        (channels, side, _), _, (_, width) = inputs
        unet: Any = stable_diffusion.unet(base["network"] | {"channels": channels}, side, width)
    else:
        unet = networks.build(base["family"], base["network"], base["diffusion"], size, 0, first()).unet
    if base["gradient_checkpointing"]:
        unet.enable_gradient_checkpointing()
    return unet


def _classifier(name: str, size: int, build: Callable[[], nn.Module], dtype: torch.dtype = torch.float32) -> Network:
    """A network that takes three channels."""
    return Network(f"{name} {size} px", build, ((3, size, size),), dtype, torch.channels_last)


def feature_space(name: str) -> Network:
    """The network behind a feature space of extract_features; FID's own takes bytes."""
    kind = features.NETWORKS[name]
    return _classifier(name, kind.INPUT_IMAGE_SIZE, kind.build, torch.uint8 if name == FID_NETWORK else torch.float32)


def perceptual(size: int) -> Network:
    """AlexNet's convolutions at the size that LPIPS sees images in."""
    return _classifier("alexnet_conv5_gap", size, features.NETWORKS["alexnet_conv5_gap"].build)


def places(size: int) -> Network:
    """VGG16 up to conv4_3, which evaluate_readouts compares places with."""
    return _classifier("vgg16_conv4_3", size, lambda: vgg16_features()[: VGG16_CONV4_3 + 2])
