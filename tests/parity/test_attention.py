"""Modulated attention of diffusers against an independent computation with torch's own SDPA (method 2.5 and 7)."""

import pytest
import torch
from diffusers.models.attention_processor import Attention
from torch.nn import functional

from selfrefine.guidance import attention_modulation
from selfrefine.networks import uvit

HEADS, WIDTH, SIDE = 2, 8, 4


@pytest.fixture
def block() -> Attention:
    torch.manual_seed(0)
    return Attention(query_dim=WIDTH, heads=HEADS, dim_head=WIDTH // HEADS, bias=True).eval()


@pytest.fixture
def tokens() -> torch.Tensor:
    return torch.randn((3, SIDE * SIDE, WIDTH), generator=torch.Generator().manual_seed(1))


@pytest.fixture
def some_map() -> torch.Tensor:
    return torch.rand((SIDE, SIDE), generator=torch.Generator().manual_seed(2))


def heads(tensor):
    return tensor.view(3, -1, HEADS, WIDTH // HEADS).transpose(1, 2)


def reference(block, tokens, factors, temperature=1.0, gain=1.0):
    """softmax(temperature Q K'^T / sqrt d) gain V' through torch's SDPA on pre-scaled keys and values."""
    queries = heads(block.to_q(tokens))
    keys, values = (heads(linear(tokens) * factors.view(1, -1, 1)) for linear in (block.to_k, block.to_v))
    mixed = functional.scaled_dot_product_attention(temperature * queries, keys, gain * values)
    return block.to_out[0](mixed.transpose(1, 2).reshape(3, -1, WIDTH))


@torch.no_grad()
def test_equals_sdpa_on_scaled_keys_and_values(block, tokens, some_map):
    with attention_modulation.modulated(block, some_map, 0.7):
        ours = block(tokens)
    torch.testing.assert_close(ours, reference(block, tokens, 1 + 0.7 * some_map.flatten()), atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_uniform_map_is_a_temperature_and_a_gain(block, tokens):
    with attention_modulation.modulated(block, torch.full((SIDE, SIDE), 0.5), 0.4):
        ours = block(tokens)
    expected = reference(block, tokens, torch.ones(SIDE * SIDE), temperature=1.2, gain=1.2)
    torch.testing.assert_close(ours, expected, atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_first_order_effect_of_the_weight(block, tokens, some_map):
    """d out_t / d lr at 0 = sum_s a_ts m_s v_s + sum_s a_ts (m_s l_ts - sum_r a_tr m_r l_tr) v_s."""
    block, tokens, m = block.double(), tokens.double(), some_map.double().flatten()
    queries, keys, values = (heads(linear(tokens)) for linear in (block.to_q, block.to_k, block.to_v))
    logits = queries @ keys.transpose(-1, -2) / (WIDTH // HEADS) ** 0.5
    weights = logits.softmax(dim=-1)
    shift = m * logits - (weights * m * logits).sum(dim=-1, keepdim=True)
    slope = (weights * m) @ values + (weights * shift) @ values
    expected = slope.transpose(1, 2).reshape(3, -1, WIDTH) @ block.to_out[0].weight.T

    def at(weight):
        with attention_modulation.modulated(block, some_map, weight):
            return block(tokens)

    torch.testing.assert_close((at(0.01) - at(-0.01)) / 0.02, expected, atol=1e-4, rtol=1e-3)


@torch.no_grad()
def test_permutations_of_tokens_and_map_together(block, tokens, some_map):
    order = torch.randperm(SIDE * SIDE, generator=torch.Generator().manual_seed(3))
    with attention_modulation.modulated(block, some_map, 0.7):
        plain = block(tokens)
    with attention_modulation.modulated(block, some_map.flatten()[order].view(SIDE, SIDE), 0.7):
        permuted = block(tokens[:, order])
    torch.testing.assert_close(permuted, plain[:, order], atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_cross_attention_is_left_alone(tokens, some_map):
    torch.manual_seed(0)
    cross = Attention(query_dim=WIDTH, cross_attention_dim=6, heads=HEADS, dim_head=4).eval()
    both = torch.nn.ModuleDict({"cross": cross, "own": Attention(query_dim=WIDTH, heads=HEADS, dim_head=4)})
    text = torch.randn(3, 5, 6)
    plain = cross(tokens, encoder_hidden_states=text)
    with attention_modulation.modulated(both, some_map, 0.7):
        assert torch.equal(cross(tokens, encoder_hidden_states=text), plain)


# -- U-ViT's attention: one token before the image's -------------------------------------------------------------------


def explicit(block, tokens, factors, temperature=1.0, gain=1.0):
    """softmax(temperature Q K'^T / sqrt d) gain V' head by head, K' = K * factors, V' = V * factors."""
    queries, keys, values = (tokens @ part.T for part in block.qkv.weight.split(WIDTH))
    mixed = []
    for own in torch.arange(WIDTH).split(WIDTH // HEADS):
        logits = temperature * queries[..., own] @ (keys * factors)[..., own].transpose(1, 2)
        weights = (logits / (WIDTH // HEADS) ** 0.5).softmax(dim=-1)
        mixed.append(weights @ (gain * values * factors)[..., own])
    return block.proj(torch.cat(mixed, dim=-1))


@pytest.fixture
def with_time() -> tuple[uvit.Attention, torch.Tensor]:
    torch.manual_seed(0)
    return uvit.Attention(WIDTH, HEADS), 3 * torch.randn(3, 1 + SIDE * SIDE, WIDTH)


@torch.no_grad()
def test_one_token_before_the_image_equals_an_explicit_softmax_with_factor_1_there(with_time, some_map):
    block, tokens = with_time
    with attention_modulation.modulated(block, some_map, 0.7):
        ours = block(tokens)
    factors = torch.cat([torch.ones(1), 1 + 0.7 * some_map.flatten()]).view(-1, 1)
    torch.testing.assert_close(ours, explicit(block, tokens, factors), atol=1e-6, rtol=1e-5)
    everywhere = torch.cat([1 + 0.7 * some_map.flatten()[:1], 1 + 0.7 * some_map.flatten()]).view(-1, 1)
    assert not torch.allclose(ours, explicit(block, tokens, everywhere), atol=1e-3)


@torch.no_grad()
def test_uniform_map_beside_a_token_that_it_leaves_alone(with_time):
    """The image's tokens alone feel temperature and gain: mixed attention to both parts, in closed form."""
    block, tokens = with_time
    for process, temperature, gain in (("k", 1.2, 1.0), ("v", 1.0, 1.2), ("kv", 1.2, 1.2)):
        with attention_modulation.modulated(block, torch.full((SIDE, SIDE), 0.5), 0.4, process):
            ours = block(tokens)
        queries, keys, values = (heads(part) for part in block.qkv(tokens).chunk(3, dim=-1))
        shares = (queries @ keys.transpose(-1, -2) / (WIDTH // HEADS) ** 0.5).exp()  # before they are normalised
        time, image = shares[..., :1], shares[..., 1:] ** temperature
        mixed = (time * values[..., :1, :] + gain * image @ values[..., 1:, :]) / (time + image.sum(-1, keepdim=True))
        expected = block.proj(mixed.transpose(1, 2).reshape(3, -1, WIDTH))
        torch.testing.assert_close(ours, expected, atol=1e-6, rtol=1e-4)
