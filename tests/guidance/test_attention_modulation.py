"""The map in self-attention: closed forms and invariants of method 2.5."""

import pytest
import torch
from diffusers import UNet2DModel

from selfrefine.core.errors import InputError
from selfrefine.guidance import attention_modulation
from tests.support import tiny_uvit


@pytest.fixture
def network() -> UNet2DModel:
    torch.manual_seed(0)
    return UNet2DModel(
        sample_size=8,
        in_channels=1,
        out_channels=1,
        block_out_channels=(8, 16),
        down_block_types=("AttnDownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "AttnUpBlock2D"),
        layers_per_block=1,
        norm_num_groups=4,
        attention_head_dim=4,
    ).eval()


@pytest.fixture
def noisy() -> torch.Tensor:
    return torch.randn((2, 1, 8, 8), generator=torch.Generator().manual_seed(1))


def output(network, noisy, guidance_map=None, weight=0.0, **switches):
    with torch.no_grad(), attention_modulation.modulated(network, guidance_map, weight, **switches):
        return network(noisy, 3).sample


def test_no_map_and_zero_weight_are_plain_attention_bit_for_bit(network, noisy):
    plain = network(noisy, 3).sample.detach()
    assert torch.equal(output(network, noisy), plain)
    assert torch.equal(output(network, noisy, torch.rand(8, 8), 0.0), plain)
    assert torch.equal(output(network, noisy, torch.zeros(8, 8), 0.5), plain)


def test_a_map_changes_the_output_and_leaves_no_trace(network, noisy):
    plain, keys = output(network, noisy), list(network.state_dict())
    steered = output(network, noisy, torch.rand(8, 8), 0.5)
    assert not torch.equal(steered, plain)
    assert torch.equal(output(network, noisy), plain)
    assert list(network.state_dict()) == keys


def test_the_context_ends_also_after_an_error(network, noisy):
    plain = output(network, noisy)
    with (
        pytest.raises(RuntimeError, match="interrupted"),
        attention_modulation.modulated(network, torch.ones(8, 8), 0.5),
    ):
        raise RuntimeError("interrupted")
    assert torch.equal(output(network, noisy), plain)


def test_every_self_attention_is_modulated(network, noisy):
    seen = []
    blocks = attention_modulation.self_attentions(network)
    with torch.no_grad(), attention_modulation.modulated(network, torch.ones(8, 8), 1.0):
        for block in blocks:
            tokens = torch.randn(1, 16, block.to_k.in_features)
            doubled = block.to_k(tokens), block.to_v(tokens)
            seen.append((doubled, tokens))
    for block, (doubled, tokens) in zip(blocks, seen, strict=True):
        torch.testing.assert_close(doubled[0], 2 * block.to_k(tokens))  # after the bias
        torch.testing.assert_close(doubled[1], 2 * block.to_v(tokens))
        torch.testing.assert_close(block.to_q(tokens), block.to_q(tokens))
    assert len(blocks) == 2 + 1 + 4  # encoder, middle, decoder


def test_output_is_smooth_in_the_weight(network, noisy):
    some_map = torch.rand((8, 8), generator=torch.Generator().manual_seed(2)).double()
    network, noisy = network.double(), noisy.double()

    def at(weight):
        # the hooks round K' and V' through float32: a wide step keeps that rounding small
        return float(output(network, noisy, some_map, weight).sum())

    wide, narrow = ((at(h) - at(-h)) / (2 * h) for h in (0.02, 0.01))
    assert wide == pytest.approx(narrow, rel=0.02)
    assert abs(narrow) > 1e-3


def test_map_of_any_size_is_resized_to_the_token_grid_row_by_row():
    ramp = torch.arange(16.0).view(4, 4) / 16
    assert torch.equal(attention_modulation.token_factors(ramp, 16, 0.5)[:, 0], 1 + 0.5 * ramp.flatten())
    halved = ramp.view(2, 2, 2, 2).mean(dim=(1, 3)).flatten()
    torch.testing.assert_close(attention_modulation.token_factors(ramp, 4, 1.0)[:, 0], 1 + halved)
    wide = torch.rand(4, 8)
    assert torch.equal(attention_modulation.token_factors(wide, 32, 1.0)[:, 0], 1 + wide.flatten())
    with pytest.raises(InputError, match="5 tokens"):
        attention_modulation.token_factors(ramp, 5, 1.0)


def test_factors_stay_float32_under_autocast():
    levels = torch.linspace(0, 1, 1001).repeat(1001, 1).contiguous()  # the first row of the grid holds every value
    with torch.autocast("cpu", dtype=torch.bfloat16):
        factors = attention_modulation.token_factors(levels, 1001 * 1001, 0.01)[:1001]
        assert factors.dtype == torch.float32
        assert len(factors.unique()) > 900
        assert len(factors.bfloat16().unique()) < 5  # what a bfloat16 factor would have had


def test_product_is_rounded_once(network):
    block, some_map = attention_modulation.self_attentions(network)[0], torch.rand(8, 8)
    tokens = torch.randn(2, 64, block.to_k.in_features)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        plain = block.to_k(tokens)
        with attention_modulation.modulated(network, some_map, 0.025):
            scaled = block.to_k(tokens)
    assert plain.dtype == scaled.dtype == torch.bfloat16
    assert torch.equal(scaled, (plain.float() * (1 + 0.025 * some_map.view(64, 1))).bfloat16())


def test_a_network_without_self_attention_is_named():
    with (
        pytest.raises(InputError, match=r"Linear has no self-attention"),
        attention_modulation.modulated(torch.nn.Linear(2, 2), torch.ones(4, 4), 0.1),
    ):
        pass


@pytest.mark.parametrize(("process", "keys", "values"), [("k", 2, 1), ("v", 1, 2), ("kv", 2, 2), ("none", 1, 1)])
def test_keys_and_values_are_scaled_apart(network, process, keys, values):
    for block in attention_modulation.self_attentions(network):
        tokens = torch.randn(1, 16, block.to_k.in_features)
        with torch.no_grad(), attention_modulation.modulated(network, torch.ones(8, 8), 1.0, process):
            scaled = block.to_k(tokens), block.to_v(tokens)
        torch.testing.assert_close(scaled[0], keys * block.to_k(tokens))
        torch.testing.assert_close(scaled[1], values * block.to_v(tokens))


def test_a_uniform_map_on_values_alone_is_a_gain_and_on_keys_alone_a_temperature(network):
    """(1 + lr c) softmax(QK/sqrt d) V, and softmax((1 + lr c) QK/sqrt d) V (method 2.5)."""
    block = attention_modulation.self_attentions(network)[0]
    tokens = torch.randn((1, 64, block.to_q.in_features), generator=torch.Generator().manual_seed(3))
    heads, gain = block.heads, 1.5

    def expected(temperature, factor):
        q, k, v = (
            linear(tokens).view(1, 64, heads, -1).transpose(1, 2) for linear in (block.to_q, block.to_k, block.to_v)
        )
        shares = (temperature * q @ k.transpose(2, 3) / q.shape[-1] ** 0.5).softmax(dim=-1)
        return block.to_out[0]((shares @ (factor * v)).transpose(1, 2).flatten(2))

    block.group_norm, block.residual_connection, block.rescale_output_factor = None, False, 1.0
    for process, temperature, factor in (("k", gain, 1), ("v", 1, gain), ("kv", gain, gain)):
        with torch.no_grad(), attention_modulation.modulated(network, torch.full((8, 8), 0.5), 1.0, process):
            found = block(tokens)
        with torch.no_grad():
            torch.testing.assert_close(found, expected(temperature, factor), atol=1e-5, rtol=1e-4)


def test_the_middle_block_may_be_left_out(network):
    every, outer = (
        attention_modulation.self_attentions(network),
        attention_modulation.self_attentions(network, "no_mid"),
    )
    middle = [block for block in every if not any(block is other for other in outer)]
    assert (len(every), len(outer)) == (7, 6)
    assert middle == [network.mid_block.attentions[0]]
    tokens = torch.randn(1, 16, 16)
    with torch.no_grad(), attention_modulation.modulated(network, torch.ones(8, 8), 1.0, "kv", "no_mid"):
        inside = middle[0].to_k(tokens)
    assert torch.equal(inside, middle[0].to_k(tokens))


PARAMETERS = {"conv1x1": 2, "conv3": 673, "conv_residual": 673}  # per attention (method 2.2)


@pytest.mark.parametrize(("projection", "count"), PARAMETERS.items())
def test_every_attention_has_its_own_projection_of_the_authors_size(network, projection, count):
    projectors = attention_modulation.build_projectors(network, projection, "all", seed=0)
    assert [sum(p.numel() for p in projector.parameters()) for projector in projectors] == [count] * 7
    assert len(attention_modulation.build_projectors(network, projection, "no_mid", seed=0)) == 6
    weights = [next(projector.parameters()) for projector in projectors]
    assert not torch.equal(weights[0], weights[1])
    again = attention_modulation.build_projectors(network, projection, "all", seed=0)
    assert all(torch.equal(a, b) for a, b in zip(projectors.parameters(), again.parameters(), strict=True))
    other = attention_modulation.build_projectors(network, projection, "all", seed=1)
    assert not torch.equal(next(other.parameters()), weights[0])


def test_building_projections_draws_nothing_from_the_training(network):
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    assert attention_modulation.build_projectors(network, "identity", "all", seed=0) is None
    attention_modulation.build_projectors(network, "conv3", "all", seed=0)
    assert torch.equal(torch.rand(4), expected)


def test_a_residual_projection_starts_as_the_identity_bit_for_bit(network, noisy):
    some_map = torch.rand(8, 8)
    projectors = attention_modulation.build_projectors(network, "conv_residual", "all", seed=0)
    assert all(torch.equal(projector(some_map), some_map) for projector in projectors)
    found = output(network, noisy, some_map, 0.5, projectors=projectors)
    assert torch.equal(found, output(network, noisy, some_map, 0.5))


@pytest.mark.parametrize("projection", PARAMETERS)
def test_a_projection_learns_through_the_attention_and_is_no_part_of_the_network(network, noisy, projection):
    keys = list(network.state_dict())
    projectors = attention_modulation.build_projectors(network, projection, "all", seed=0)
    with attention_modulation.modulated(network, torch.rand(8, 8), 0.5, projectors=projectors):
        network(noisy, 3).sample.square().sum().backward()
    assert all(float(list(projector.parameters())[-1].grad.abs().sum()) > 0 for projector in projectors)
    assert list(network.state_dict()) == keys


def test_the_map_is_projected_at_its_own_resolution_and_then_resized(network):
    some_map, block = torch.rand(16, 16), attention_modulation.self_attentions(network)[0]
    projectors = attention_modulation.build_projectors(network, "conv3", "all", seed=0)
    tokens = torch.randn(1, 64, block.to_k.in_features)
    with torch.no_grad(), attention_modulation.modulated(network, some_map, 0.5, projectors=projectors):
        scaled = block.to_k(tokens)
    with torch.no_grad():
        factors = attention_modulation.token_factors(projectors[0](some_map), 64, 0.5)
        torch.testing.assert_close(scaled, block.to_k(tokens) * factors)


# -- U-ViT: one linear makes queries, keys and values, and the time comes before the image -----------------------------


@pytest.fixture
def transformer() -> torch.nn.Module:
    network = tiny_uvit.tiny_pipeline(channels=1, patch_size=2).unet.eval()
    with torch.no_grad():
        for value in network.parameters():  # the initial ones are so small that attention hardly matters
            value.normal_(0.0, 0.3, generator=torch.Generator().manual_seed(value.numel()))
    return network


def test_all_blocks_of_a_transformer_or_the_authors_twelve():
    network = tiny_uvit.tiny_pipeline(depth=12).unet
    every, outer = (
        attention_modulation.self_attentions(network),
        attention_modulation.self_attentions(network, "no_mid"),
    )
    assert (len(every), len(outer)) == (13, 12)
    assert [block for block in every if not any(block is other for other in outer)] == [network.mid_block.attn]


def test_a_transformer_without_map_or_weight_is_plain_bit_for_bit(transformer, noisy):
    keys, plain = list(transformer.state_dict()), output(transformer, noisy)
    assert torch.equal(output(transformer, noisy, torch.rand(8, 8), 0.0), plain)
    assert torch.equal(output(transformer, noisy, torch.zeros(8, 8), 0.5), plain)
    changed = [output(transformer, noisy, torch.rand(8, 8), 0.5, process=process) for process in ("k", "v", "kv")]
    changed.append(output(transformer, noisy, torch.rand(8, 8), 0.5, layers="no_mid"))
    assert not any(torch.equal(one, plain) for one in changed)
    assert torch.equal(output(transformer, noisy), plain)
    assert list(transformer.state_dict()) == keys


def test_the_time_keeps_its_key_and_value_and_patches_follow_the_map_row_by_row(transformer):
    some_map = torch.rand(4, 4)
    for block in attention_modulation.self_attentions(transformer):
        tokens = torch.randn(2, 17, 16)
        with torch.no_grad(), attention_modulation.modulated(transformer, some_map, 0.5):
            keys, values = block.to_k(tokens), block.to_v(tokens)
        assert torch.equal(keys[:, 0], tokens[:, 0])
        assert torch.equal(keys[:, 1:], tokens[:, 1:] * (1 + 0.5 * some_map.view(16, 1)))
        assert torch.equal(values, keys)


def test_each_block_of_a_transformer_may_have_its_own_projection(transformer, noisy):
    some_map = torch.rand(8, 8)
    same = attention_modulation.build_projectors(transformer, "conv_residual", "no_mid", seed=0)
    found = output(transformer, noisy, some_map, 0.5, layers="no_mid", projectors=same)
    assert torch.equal(found, output(transformer, noisy, some_map, 0.5, layers="no_mid"))
    projectors = attention_modulation.build_projectors(transformer, "conv3", "all", seed=0)
    with attention_modulation.modulated(transformer, some_map, 0.5, projectors=projectors):
        transformer(noisy, 3).sample.square().sum().backward()
    assert len(projectors) == 3
    assert all(float(list(projector.parameters())[-1].grad.abs().sum()) > 0 for projector in projectors)


def test_keys_of_a_transformer_are_rounded_once(transformer):
    block, some_map = attention_modulation.self_attentions(transformer)[0], torch.rand(4, 4)
    keys = torch.randn(2, 17, 16).bfloat16()
    with torch.no_grad(), attention_modulation.modulated(transformer, some_map, 0.025):
        scaled = block.to_k(keys)
    assert scaled.dtype == torch.bfloat16
    assert torch.equal(scaled[:, 1:], (keys[:, 1:].float() * (1 + 0.025 * some_map.view(16, 1))).bfloat16())
