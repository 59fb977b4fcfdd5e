"""U-ViT against the same equations written out from its weights alone, in float64 and by loops (Bao et al. 2023)."""

import math

import pytest
import torch

from tests.support.tiny_uvit import tiny_pipeline


def linear(weights, name, tokens):
    result = tokens @ weights[f"{name}.weight"].T
    return result + weights[f"{name}.bias"] if f"{name}.bias" in weights else result


def norm(weights, name, tokens):
    centred = tokens - tokens.mean(dim=-1, keepdim=True)
    scaled = centred / (centred.square().mean(dim=-1, keepdim=True) + 1e-5).sqrt()
    return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def attention(weights, name, tokens, heads):
    dim = tokens.shape[-1]
    queries, keys, values = (tokens @ part.T for part in weights[f"{name}.qkv.weight"].split(dim))
    mixed = []
    for head in range(heads):
        own = slice(head * dim // heads, (head + 1) * dim // heads)
        logits = queries[..., own] @ keys[..., own].transpose(1, 2) / (dim / heads) ** 0.5
        mixed.append(logits.softmax(dim=-1) @ values[..., own])
    return linear(weights, f"{name}.proj", torch.cat(mixed, dim=-1))


def block(weights, name, tokens, heads, skipped=None):
    if skipped is not None:
        tokens = linear(weights, f"{name}.skip_linear", torch.cat([tokens, skipped], dim=-1))
    tokens = tokens + attention(weights, f"{name}.attn", norm(weights, f"{name}.norm1", tokens), heads)
    hidden = linear(weights, f"{name}.mlp.fc1", norm(weights, f"{name}.norm2", tokens))
    hidden = hidden * (1 + torch.erf(hidden / 2**0.5)) / 2  # GELU
    return tokens + linear(weights, f"{name}.mlp.fc2", hidden)


def noise(weights, images, times, patch, heads, half_depth):
    kernel = weights["patch_embed.proj.weight"].flatten(1)
    dim, side, channels = len(kernel), images.shape[-1] // patch, images.shape[1]
    angles = times[:, None] * torch.tensor([10000 ** (-2 * k / dim) for k in range(dim // 2)])
    tokens = [torch.cat([angles.cos(), angles.sin()], dim=-1)]
    places = [(patch * row, patch * column) for row in range(side) for column in range(side)]
    for top, left in places:
        cut = images[:, :, top : top + patch, left : left + patch].flatten(1)
        tokens.append(cut @ kernel.T + weights["patch_embed.proj.bias"])
    current = torch.stack(tokens, dim=1) + weights["pos_embed"]
    outputs = []
    for k in range(half_depth):
        current = block(weights, f"in_blocks.{k}", current, heads)
        outputs.append(current)
    current = block(weights, "mid_block", current, heads)
    for k in range(half_depth):
        current = block(weights, f"out_blocks.{k}", current, heads, outputs[-1 - k])
    pixels = linear(weights, "decoder_pred", norm(weights, "norm", current))
    joined = torch.zeros_like(images)
    for token, (top, left) in enumerate(places, start=1):
        # channels last inside a patch
        cut = pixels[:, token].reshape(-1, patch, patch, channels).permute(0, 3, 1, 2)
        joined[:, :, top : top + patch, left : left + patch] = cut
    return torch.conv2d(joined, weights["final_layer.weight"], weights["final_layer.bias"], padding=1)


@pytest.mark.parametrize("fraction", [0.0, 0.25])
def test_equals_the_equations(fraction):
    network = tiny_pipeline(depth=4, patch_size=2).unet.double()
    with torch.no_grad():
        for value in network.parameters():  # the initial ones are too small to tell a wrong sum from a right one
            value.normal_(0.0, 0.5, generator=torch.Generator().manual_seed(value.numel()))
    draws = torch.Generator().manual_seed(1)
    images, times = torch.randn((3, 3, 8, 8), generator=draws).double(), torch.tensor([0, 400, 998]) + fraction
    with torch.no_grad():
        found = network(images, times).sample
        expected = noise(network.state_dict(), images, times.double(), patch=2, heads=2, half_depth=2)
    # the sine of 998 radians is float32 in the network
    torch.testing.assert_close(found, expected, atol=1e-3 * float(expected.std()), rtol=0)
    assert math.isfinite(float(expected.std()))
