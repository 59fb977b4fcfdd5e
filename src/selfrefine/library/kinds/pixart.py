"""`PixArtAlphaPipeline`, `PixArtSigmaPipeline`: a transformer on a VAE's latents that reads a prompt with its mask.

Trainer and samplers call a network with x_t, t and one tensor of what it is told: here the mask is its last channel.
"""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from diffusers import PixArtAlphaPipeline, PixArtSigmaPipeline, PixArtTransformer2DModel
from torch import Tensor

from selfrefine.diffusion.pipelines import require
from selfrefine.diffusion.wrapped_network import WrappedNetwork
from selfrefine.library.kinds import transformers
from selfrefine.library.kinds.kind import Kind
from selfrefine.pretrained.text_encoder import TextEncoder


def fits(pipeline: Any) -> bool:
    """Whether its network is such a one."""
    return isinstance(getattr(pipeline, "transformer", None), PixArtTransformer2DModel)


def checked(pipeline: Any, given: str) -> Kind:
    """The kind of a pipeline that fits. What its network says of variances is not trained: its pipelines drop it.

    Raises:
        InputError: it does not: another pipeline, no text encoder, a scheduler that asks for variances.
    """
    own, kind = (PixArtAlphaPipeline, PixArtSigmaPipeline), type(pipeline).__name__
    require(isinstance(pipeline, own), f"{given}: {kind} given; {' or '.join(fit.__name__ for fit in own)} needed")
    parts = all(getattr(pipeline, part, None) is not None for part in ("text_encoder", "tokenizer"))
    require(parts, f"{given}: {kind} without text_encoder and tokenizer; both needed")
    transformers.check_latents(pipeline, given)
    variance = pipeline.scheduler.config.get("variance_type")
    plain = not str(variance).startswith("learned")
    require(plain, f"{given}: its scheduler has variance_type {variance}, which {kind} drops; a fixed one needed")
    return Kind("transformer", "captions", masked=True)


class Called(WrappedNetwork):
    """The network, called as others are.

    Args:
        network: of the pipeline.
        size: side of its images, px; what a network with `use_additional_conditions` is told of them.
    """

    def __init__(self, network: Any, size: int) -> None:
        super().__init__(network)
        self.size = float(size)

    def forward(self, noisy: Tensor, t: Any, told: Tensor) -> Any:
        """The output for x_t (n, C, H, W) at t (n,), told (n, L, D + 1): embeddings, and 1 where there are tokens."""
        added: dict[str, Tensor | None] = {"resolution": None, "aspect_ratio": None}
        if self.network.use_additional_conditions:
            sides = torch.full((len(noisy), 2), self.size, device=noisy.device)
            added = {"resolution": sides, "aspect_ratio": sides[:, :1] / sides[:, 1:]}
        return self.network(
            noisy,
            encoder_hidden_states=told[..., :-1].contiguous(),
            encoder_attention_mask=told[..., -1],
            timestep=t,
            added_cond_kwargs=added,
        )


class MaskedTextEncoder(TextEncoder):
    """The pipeline's own way from captions to what its network reads, with its number of tokens.

    Args:
        pipeline: of this kind; its tokenizer is copied, because what that was last asked for would be saved with it.
    """

    def __init__(self, pipeline: Any) -> None:
        super().__init__(pipeline.text_encoder, copy.deepcopy(pipeline.tokenizer))
        self.pipeline = copy.copy(pipeline)
        self.pipeline.register_modules(tokenizer=self.tokenizer)

    @torch.no_grad()
    def embed(self, captions: Sequence[str]) -> Tensor:
        """Captions to embeddings and their mask as one more channel, (N, L, D + 1) float32 on the model's device."""
        embedded, mask, *_ = self.pipeline.encode_prompt(
            [*captions], do_classifier_free_guidance=False, device=self.model.device
        )
        return torch.cat([embedded.float(), mask[..., None].float()], dim=-1)
