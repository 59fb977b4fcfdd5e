"""The networks that jobs evaluate, as names: each builds the real one, on the meta device for counting.

A plan never loads weights: neither FLOPs nor bytes depend on them.
"""

import functools
import json
import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from selfrefine import networks
from selfrefine.diffusion import autoencoder as diffusion_autoencoder
from selfrefine.evidence.probes import VGG16_CONV4_3
from selfrefine.highlighter.model import Highlighter
from selfrefine.metrics import features, prompt_classifier
from selfrefine.metrics.frechet import FID_NETWORK
from selfrefine.networks import ldm, stable_diffusion
from selfrefine.pretrained.imagenet_backbones import vgg16_features

CLASSES = 10  # that the classifier of real images tells apart; its cost hardly depends on it


@dataclass(frozen=True)
class Diffusion:
    """A diffusion network.

    Args:
        family: a module of `selfrefine.networks`.
        network, diffusion: of train_base, as JSON: a name must be hashable.
        size: px of the images.
        autoencoder: of a latent family.
        prompt: of text-to-image, tokens of a prompt and channels of one.
        checkpointing: whether its backward pass computes activations again.
    """

    family: str
    network: str
    diffusion: str
    size: int
    autoencoder: "Autoencoder | None" = None
    prompt: tuple[int, int] | None = None
    checkpointing: bool = False

    def build(self) -> nn.Module:
        """The untrained network."""
        network, diffusion = json.loads(self.network), json.loads(self.diffusion)
        autoencoder = None if self.autoencoder is None else self.autoencoder.untrained()
        if self.prompt is not None:  # without the text encoder, which no job of it evaluates
            assert autoencoder is not None
            side = ldm.latent_size(autoencoder, network, self.size)
            channels = {"channels": autoencoder.config.latent_channels}
            built: Any = stable_diffusion.unet(network | channels, side, self.prompt[1])
        else:
            built = networks.build(self.family, network, diffusion, self.size, 0, autoencoder).unet
        if self.checkpointing:
            built.enable_gradient_checkpointing()
        unet: nn.Module = built
        return unet

    def inputs(self, network: Any, batch: int, device: torch.device) -> tuple[Tensor, ...]:
        """Noisy images, times and prompts."""
        shape = (batch, network.config.in_channels, network.config.sample_size, network.config.sample_size)
        prompts = [] if self.prompt is None else [torch.randn((batch, *self.prompt), device=device)]
        return torch.randn(shape, device=device), torch.zeros(batch, device=device), *prompts


@dataclass(frozen=True)
class Autoencoder:
    """The first stage of a latent family, or one half of it.

    Args:
        kind: of train_autoencoder.
        network: of train_autoencoder, as JSON.
        size: px of the images.
        part: which passes are counted.
    """

    kind: diffusion_autoencoder.Kind
    network: str
    size: int
    part: Literal["whole", "encoder", "decoder"] = "whole"

    def untrained(self) -> Any:
        """diffusers' model."""
        return diffusion_autoencoder.build(self.kind, json.loads(self.network), self.size, seed=0)

    def build(self) -> nn.Module:
        """What images pass, without the 1 x 1 convolutions between the halves where it is one of them."""
        model = self.untrained()
        network: nn.Module = model if self.part == "whole" else getattr(model, self.part)
        return network

    def inputs(self, _network: nn.Module, batch: int, device: torch.device) -> tuple[Tensor, ...]:
        """Images, or latents."""
        network = json.loads(self.network)
        if self.part == "decoder":
            side = self.size // 2 ** (len(network["block_out_channels"]) - 1)
            return (torch.randn((batch, network["latent_channels"], side, side), device=device),)
        return (torch.randn((batch, network["channels"], self.size, self.size), device=device),)


@dataclass(frozen=True)
class Classifier:
    """The highlighter, the classifier of real images, or a part of an ImageNet network.

    Args:
        name: "highlighter", "classifier", "vgg16_conv4_3", or a feature space of extract_features.
        size: px that images are enlarged to.
    """

    name: str
    size: int

    def build(self) -> nn.Module:
        """The untrained network."""
        if self.name == "highlighter":
            return Highlighter(self.size, shortcut_guard=False)
        if self.name == "classifier":
            return prompt_classifier.Classifier(range(CLASSES), self.size)
        layers = (
            vgg16_features()[: VGG16_CONV4_3 + 2]
            if self.name == "vgg16_conv4_3"
            else features.NETWORKS[self.name].build()
        )
        return layers.to(memory_format=torch.channels_last)

    def inputs(self, network: nn.Module, batch: int, device: torch.device) -> tuple[Tensor, ...]:
        """Standardised images; of FID's network, which standardises them itself, bytes."""
        images = torch.randn((batch, 3, self.size, self.size), device=device)
        images = images.to(torch.uint8) if self.name == FID_NETWORK else images
        return (images.contiguous(memory_format=torch.channels_last),)


Network = Diffusion | Autoencoder | Classifier


class Count(NamedTuple):
    """What a network costs.

    Args:
        flops: of one image forward; 2 for each multiplication and addition (method 8).
        parameters: how many.
        trained_bytes: of one image in float32, the most that lives at a time while gradients are wanted.
        evaluated_bytes: the same without gradients.
    """

    flops: int
    parameters: int
    trained_bytes: int
    evaluated_bytes: int


class LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's own class is untyped
    """Adds up the bytes of all tensors that are made inside it and are still there; `peak` is the most at a time.

    Args:
        others: tensors that were there before, of which it may see views.
    """

    def __init__(self, others: Iterable[Tensor] = ()) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak = self.now = 0
        self.others = {tensor.untyped_storage()._cdata for tensor in others}
        self.known: dict[int, weakref.ref[torch.UntypedStorage]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, Tensor):
                self._add(tensor.untyped_storage())
        return made

    def _add(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self.known or key in self.others:
            return

        def freed(_: object) -> None:
            del self.known[key]
            self.now -= size

        self.known[key] = weakref.ref(storage, freed)
        self.now += size
        self.peak = max(self.peak, self.now)


@functools.cache
def count(network: Network) -> Count:
    """Counts one image with torch's own counter, on the meta device: nothing is computed."""
    with torch.device("meta"):
        module = network.build()
        inputs = network.inputs(module, 1, torch.device("meta"))
        given = [*module.parameters(), *module.buffers(), *inputs]
        checkpointing = isinstance(network, Diffusion) and network.checkpointing
        inputs[0].requires_grad_(checkpointing)
        with LiveBytes(given) as trained:
            with FlopCounterMode(display=False) as counter:
                made = module.train()(*inputs)
            if checkpointing:  # the backward pass makes activations again
                torch.autograd.grad(made.sample.sum(), inputs[0])
        with LiveBytes(given) as evaluated, torch.no_grad():
            module.eval()(*inputs)
    parameters = sum(parameter.numel() for parameter in module.parameters())
    return Count(counter.get_total_flops(), parameters, trained.peak, evaluated.peak)
