"""U-ViT (Bao et al. 2023, "All are worth words"): image patches and time as tokens of one transformer with long skips.

Names and shapes of the weights are those of the authors' checkpoints (method 7). A saved pipeline names this module, so
stock diffusers loads it after `import selfrefine.networks.uvit`.
"""

import logging
from collections import OrderedDict
from typing import Any

import torch
from diffusers import DDPMPipeline, DDPMScheduler, ModelMixin
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.embeddings import get_timestep_embedding
from diffusers.models.unets.unet_2d import UNet2DOutput
from torch import Tensor, nn
from torch.nn import functional

from selfrefine.core.errors import InputError

EXTRA_TOKENS = 1  # before the image's: the time
CONTINUOUS = {"vp_sde": True, "linear": False}  # schedules; of these the first has continuous time
TIMESTEPS = 1000  # of the VP-SDE: the network is given 999 t, so that stock diffusers' integers are the same times

# DDPMPipeline takes any network that is called as UNet2DModel is, but names that class and warns of others.
logging.getLogger("diffusers.pipelines.pipeline_utils").addFilter(
    lambda record: f"got <class '{__name__}." not in record.getMessage()
)


def build(network: dict[str, Any], diffusion: dict[str, Any], size: int) -> DDPMPipeline:
    """Builds the pipeline.

    Its scheduler is the discrete linear schedule (beta from 0.0001 to 0.02) also for the VP-SDE, of which that is the
    discretisation: stock diffusers then samples both alike.

    Args:
        network: channels, patch_size (px), dim, depth (even; a middle block is added), heads, mlp_ratio,
            final_convolution.
        diffusion: schedule ("vp_sde": continuous time, beta(t) = .1 + 19.9 t; or "linear"), timesteps.
        size: px.

    Raises:
        InputError: an unknown schedule, or a VP-SDE of another number of timesteps than 1000.
    """
    schedule, timesteps = diffusion["schedule"], diffusion["timesteps"]
    if schedule not in CONTINUOUS:
        allowed = ", ".join(CONTINUOUS)
        raise InputError(f"params.yaml: train_base.diffusion.schedule is {schedule}; family uvit knows {allowed}")
    if CONTINUOUS[schedule] and timesteps != TIMESTEPS:
        raise InputError(f"params.yaml: train_base.diffusion.timesteps is {timesteps}; vp_sde needs {TIMESTEPS}")
    unet = UViT(
        sample_size=size,
        in_channels=network["channels"],
        out_channels=network["channels"],
        patch_size=network["patch_size"],
        dim=network["dim"],
        depth=network["depth"],
        heads=network["heads"],
        mlp_ratio=network["mlp_ratio"],
        final_convolution=network["final_convolution"],
        continuous_time=CONTINUOUS[schedule],
    )
    scheduler = DDPMScheduler(
        num_train_timesteps=timesteps, beta_schedule="linear", variance_type="fixed_large", clip_sample=True
    )
    return DDPMPipeline(unet=unet, scheduler=scheduler)


class UViT(ModelMixin, ConfigMixin):
    """Predicts noise: (N, in_channels, H, W) and a time to (N, out_channels, H, W), H = W = sample_size px.

    Args:
        sample_size: side of the images, px.
        in_channels: of the images.
        out_channels: of the prediction.
        patch_size: side of a patch, px; divides sample_size.
        dim: channels of a token.
        depth: blocks beside the middle one; even. The k-th block's output is an input of the k-th last block.
        heads: of each attention; divides dim.
        mlp_ratio: hidden channels of a block's two-layer network over dim.
        final_convolution: whether a 3x3 convolution joins the patches at the end.
        continuous_time: whether it is trained on real times of the VP-SDE, given as 999 t; else on integers.

    Raises:
        ValueError: sizes that do not divide one another.
    """

    _supports_gradient_checkpointing = True

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        sample_size: int,
        in_channels: int,
        out_channels: int,
        patch_size: int,
        dim: int,
        depth: int,
        heads: int,
        mlp_ratio: float,
        final_convolution: bool,
        continuous_time: bool,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        for name, value, divisor in (
            ("sample_size", sample_size, patch_size),
            ("dim", dim, heads),
            ("depth", depth, 2),
        ):
            if value % divisor:
                raise ValueError(f"{name} {value} is no multiple of {divisor}")
        self.dim, self.patch_size, self.side, self.out_channels = (
            dim,
            patch_size,
            sample_size // patch_size,
            out_channels,
        )
        self.gradient_checkpointing = False  # diffusers' name: set by enable_gradient_checkpointing
        self.patch_embed = nn.Sequential(OrderedDict(proj=nn.Conv2d(in_channels, dim, patch_size, stride=patch_size)))
        self.pos_embed = nn.Parameter(torch.zeros(1, EXTRA_TOKENS + self.side**2, dim))
        self.in_blocks = nn.ModuleList(Block(dim, heads, mlp_ratio, skip=False) for _ in range(depth // 2))
        self.mid_block = Block(dim, heads, mlp_ratio, skip=False)
        self.out_blocks = nn.ModuleList(Block(dim, heads, mlp_ratio, skip=True) for _ in range(depth // 2))
        self.norm = nn.LayerNorm(dim)
        self.decoder_pred = nn.Linear(dim, patch_size**2 * out_channels)
        self.final_layer = nn.Conv2d(out_channels, out_channels, 3, padding=1) if final_convolution else nn.Identity()
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        self.apply(_initialise)

    def forward(
        self, sample: Tensor, timestep: Tensor | float, return_dict: bool = True
    ) -> UNet2DOutput | tuple[Tensor]:
        """The noise in noisy images, as diffusers' `UNet2DModel` returns it.

        Args:
            sample: x_t, (N, in_channels, H, W).
            timestep: one number for all images, or (N,); integer, or 999 t with t in [0, 1].
            return_dict: False gives a tuple.
        """
        times = torch.as_tensor(timestep, dtype=torch.float32, device=sample.device).reshape(-1).expand(len(sample))
        # cosines before sines, frequencies 10000^(-i / half): as the authors' code
        time = get_timestep_embedding(times, self.dim, flip_sin_to_cos=True, downscale_freq_shift=0)
        patches = self.patch_embed(sample).flatten(2).transpose(1, 2)
        tokens = torch.cat([time[:, None].to(self.pos_embed.dtype), patches], dim=1) + self.pos_embed
        skips = []
        for block in self.in_blocks:
            tokens = self._passed(block, tokens)
            skips.append(tokens)
        tokens = self._passed(self.mid_block, tokens)
        for block in self.out_blocks:
            tokens = self._passed(block, tokens, skips.pop())
        noise = self.final_layer(self._join(self.decoder_pred(self.norm(tokens))[:, EXTRA_TOKENS:]))
        return UNet2DOutput(sample=noise) if return_dict else (noise,)

    def _passed(self, block: nn.Module, *tokens: Tensor) -> Tensor:
        """What a block makes of tokens; where gradients are checkpointed, its activations are not kept."""
        kept = not (self.gradient_checkpointing and torch.is_grad_enabled())
        result: Tensor = block(*tokens) if kept else self._gradient_checkpointing_func(block, *tokens)
        return result

    def _join(self, patches: Tensor) -> Tensor:
        """Patches (N, rows * columns, patch * patch * channels) to images (N, channels, H, W)."""
        side, patch, channels = self.side, self.patch_size, self.out_channels
        grid = patches.reshape(len(patches), side, side, patch, patch, channels)
        return grid.permute(0, 5, 1, 3, 2, 4).reshape(len(patches), channels, side * patch, side * patch)


class Block(nn.Module):
    """A transformer block on tokens (N, L, dim) that may take those of an earlier block in."""

    def __init__(self, dim: int, heads: int, mlp_ratio: float, *, skip: bool) -> None:
        super().__init__()
        hidden = int(dim * mlp_ratio)
        self.norm1 = nn.LayerNorm(dim)
        self.attn = Attention(dim, heads)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(OrderedDict(fc1=nn.Linear(dim, hidden), act=nn.GELU(), fc2=nn.Linear(hidden, dim)))
        self.skip_linear = nn.Linear(2 * dim, dim) if skip else None

    def forward(self, tokens: Tensor, skipped: Tensor | None = None) -> Tensor:
        """Tokens to tokens; `skipped` is what the long skip brings, for blocks that have one."""
        if self.skip_linear is not None and skipped is not None:
            tokens = self.skip_linear(torch.cat([tokens, skipped], dim=-1))
        tokens = tokens + self.attn(self.norm1(tokens))
        result: Tensor = tokens + self.mlp(self.norm2(tokens))
        return result


class Attention(nn.Module):
    """Self-attention on tokens (N, L, dim).

    Keys and values pass `to_k` and `to_v`, which change nothing: the map enters there, as in diffusers' attentions, and
    leaves the first `extra_tokens` alone (`selfrefine.guidance.attention_modulation`).
    """

    extra_tokens = EXTRA_TOKENS

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.proj = nn.Linear(dim, dim)
        self.to_k, self.to_v = nn.Identity(), nn.Identity()

    def forward(self, tokens: Tensor) -> Tensor:
        """softmax(Q K^T / sqrt(dim / heads)) V of each head, joined and projected."""
        queries, keys, values = self.qkv(tokens).chunk(3, dim=-1)
        split = [
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in (queries, self.to_k(keys), self.to_v(values))
        ]
        mixed = functional.scaled_dot_product_attention(*split)
        result: Tensor = self.proj(mixed.transpose(1, 2).flatten(2))
        return result


def _initialise(module: nn.Module) -> None:
    """The authors' initial weights of linear layers; torch's own for convolutions and norms."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
