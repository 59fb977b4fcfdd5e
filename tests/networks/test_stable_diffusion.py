"""The family stable_diffusion: what it builds, what prompts do in training, sampling and maps, where the map enters."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline

from selfrefine import networks
from selfrefine.core import random_streams
from selfrefine.core.errors import InputError
from selfrefine.diffusion import autoencoder as diffusion_autoencoder
from selfrefine.diffusion import noise_schedule, samplers, sampling
from selfrefine.diffusion import prompts as diffusion_prompts
from selfrefine.diffusion.prompts import Captions
from selfrefine.guidance import attention_modulation
from selfrefine.guidance.map_refresh import Guide, MapRecipe
from selfrefine.guidance.refinement import Refinement
from selfrefine.networks import stable_diffusion
from selfrefine.training.trainer import Trainer
from tests.support import tiny, tiny_highlighter, tiny_latent, tiny_prompt
from tests.support.tiny import SIZE, tiny_images, tiny_settings
from tests.support.tiny_latent import LATENT_SIZE, autoencoder
from tests.support.tiny_prompt import DIFFUSION, NETWORK, PROMPTS, WIDTH

REVERSE = Refinement("none", 0.5, "kv", 0.5, cycle=4)
RECIPE = MapRecipe(map_images=4, map_steps=3)


@pytest.fixture(scope="module")
def made():
    pipeline = tiny_prompt.pipeline()
    pipeline.unet.eval()
    return pipeline


def noise(n):
    return torch.randn((n, 3, LATENT_SIZE, LATENT_SIZE), generator=torch.Generator().manual_seed(0))


# -- what it builds ----------------------------------------------------------------------------------------------------


def test_the_network_works_on_latents_and_attends_to_what_the_text_encoder_gives(made):
    own = made.unet.config
    assert (own.in_channels, own.out_channels, own.sample_size) == (3, 3, LATENT_SIZE)
    assert own.cross_attention_dim == WIDTH
    assert own.down_block_types == ("DownBlock2D", "CrossAttnDownBlock2D")
    assert own.up_block_types == ("CrossAttnUpBlock2D", "UpBlock2D")
    # encoder, middle, decoder; of two levels one has attention
    heads = [block.heads for block in attention_modulation.self_attentions(made.unet)]
    assert heads == [8 // NETWORK["attention_head_dim"]] * (1 + 1 + 2)


def test_its_schedule_is_that_of_latent_diffusion_and_its_images_are_decoded(made):
    latent = tiny_latent.pipeline("kl")
    assert torch.equal(noise_schedule.of(made).alphas_cumprod, noise_schedule.of(latent).alphas_cumprod)
    assert not noise_schedule.of(made).bounded
    assert diffusion_autoencoder.of(made).scale == 0.5


def test_stable_diffusion_itself_can_be_built():
    """859.52 million weights, eight heads at each level (method 5.3)."""
    network = {
        "channels": 4,
        "block_out_channels": [320, 640, 1280, 1280],
        "attention": [True, True, True, False],
        "layers_per_block": 2,
        "norm_num_groups": 32,
        "attention_head_dim": [40, 80, 160, 160],
        "dropout": 0.0,
    }
    with torch.device("meta"):
        unet = stable_diffusion.unet(network, 32, 768)
    assert sum(parameter.numel() for parameter in unet.parameters()) == 859_520_964
    blocks = attention_modulation.self_attentions(unet)
    assert ([block.heads for block in blocks], len(blocks)) == ([8] * 16, 16)


def build(autoencoder_given, encoder_given, **network):
    return networks.build("stable_diffusion", NETWORK | network, DIFFUSION, SIZE, 0, autoencoder_given, encoder_given)


@pytest.mark.parametrize(
    ("network", "parts", "told"),
    [
        ({}, (None, tiny_prompt.encoder()), "needs an autoencoder"),
        ({}, (autoencoder("kl"), None), "needs a text encoder"),
        ({}, (autoencoder("vq"), tiny_prompt.encoder()), "autoencoder is of kind vq, kl needed"),
        ({"attention_head_dim": 3}, (autoencoder("kl"), tiny_prompt.encoder()), r"\[3, 3\] does not divide .*\[8, 8\]"),
        ({"attention_head_dim": [4]}, (autoencoder("kl"), tiny_prompt.encoder()), r"\[4\] does not divide"),
    ],
)
def test_missing_or_other_parts_are_told(network, parts, told):
    with pytest.raises(InputError, match=rf"train_base.network of family stable_diffusion does not build: .*{told}"):
        build(*parts, **network)


def test_no_other_family_takes_a_text_encoder():
    with pytest.raises(InputError, match="family ldm does not build"):
        networks.build("ldm", NETWORK, DIFFUSION, SIZE, 0, autoencoder(), tiny_prompt.encoder())


# -- stock diffusers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["bert", "clip"])
@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_stock_diffusers_makes_our_images_of_a_prompt(tmp_path, kind, scale):
    """With all steps of the schedule: in a respaced chain diffusers steps to other levels than the next one's."""
    networks.save(tiny_prompt.pipeline(kind), tmp_path / "pipeline")
    stock = StableDiffusionPipeline.from_pretrained(tmp_path / "pipeline")
    stock.set_progress_bar_config(disable=True)
    prompts, latents = PROMPTS[1:], noise(3)
    given = {"latents": latents, "guidance_scale": scale, "num_inference_steps": tiny.TIMESTEPS}
    theirs = stock(prompts, **given, output_type="np").images
    others = stock(prompts[::-1], **given, output_type="np").images
    assert np.abs(theirs - others)[[0, 2]].max() > 0.01  # the prompt matters

    ours = networks.load(tmp_path / "pipeline", torch.device("cpu"))
    embeddings = ours.encode_prompt(PROMPTS, torch.device("cpu"), 1, do_classifier_free_guidance=False)[0]
    captions = Captions(embeddings.detach().numpy(), np.arange(1, 4))
    network = diffusion_prompts.prompted(ours.unet.eval(), captions, range(3), scale)
    with torch.no_grad():
        made = diffusion_autoencoder.of(ours).decode(
            samplers.ddim(network, noise_schedule.of(ours), latents, tiny.TIMESTEPS, [])
        )
    assert theirs == pytest.approx((made.permute(0, 2, 3, 1).numpy() + 1) / 2, abs=1e-5)


def test_embeddings_of_the_library_are_those_of_stock_diffusers(made):
    encoder = tiny_prompt.encoder()
    theirs, empty = made.encode_prompt(PROMPTS, torch.device("cpu"), 1, do_classifier_free_guidance=True)
    assert torch.equal(encoder.embed(PROMPTS), theirs)
    assert torch.equal(theirs[:1], empty[:1])


# -- sampling ----------------------------------------------------------------------------------------------------------


def sample(made, folder, captions, scale=1.0, n=5):
    return sampling.sample_images(
        made.unet,
        noise_schedule.of(made),
        folder,
        label="sampling",
        seed=0,
        purpose="evaluation",
        n_images=n,
        chunk_size=4,
        sampler="ddim",
        steps=3,
        dtype=torch.float32,
        codec=diffusion_autoencoder.of(made),
        captions=captions,
        guidance_scale=scale,
    ).array()


def test_each_image_is_of_its_own_prompt(made, tmp_path):
    mixed = sample(made, tmp_path / "mixed", tiny_prompt.captions(rows=[1, 2, 3]))
    alone = [sample(made, tmp_path / str(row), tiny_prompt.captions(rows=[row])) for row in (1, 2, 3)]
    for image, row in enumerate([1, 2, 3, 1, 2]):
        of_row = np.abs(mixed[image].astype(int) - alone[row - 1][image])
        of_next = np.abs(mixed[image].astype(int) - alone[row % 3][image])
        assert of_row.max() <= 1 < of_next.max(), image


def test_guidance_changes_images_and_guidance_of_one_is_none(made, tmp_path):
    captions = tiny_prompt.captions()
    off, on, empty = (
        sample(made, tmp_path / name, captions, scale) for name, scale in (("1", 1.0), ("3", 3.0), ("0", 0.0))
    )
    assert not np.array_equal(off, on)
    unconditional = sample(made, tmp_path / "empty", tiny_prompt.captions(rows=[0]))
    assert np.abs(empty.astype(int) - unconditional).max() <= 1


# -- training ----------------------------------------------------------------------------------------------------------


def trainer(captions=None, **settings):
    made = tiny_prompt.pipeline(dropout=0.1)
    data, how = tiny_latent.latents(), tiny_settings(**{"horizontal_flip": False} | settings)
    given = tiny_prompt.captions() if captions is None else captions
    return Trainer(made.unet, noise_schedule.of(made), data, how, seed=0, dtype=torch.float32, captions=given)


def trained(captions=None, guidance_map=None, refinement=None, **settings):
    made = trainer(captions, **settings)
    losses = [float(made.update(guidance_map, refinement)) for _ in range(3)]
    return made.tensors(), losses


def same(first, second):
    return first[1] == second[1] and all(torch.equal(first[0][name], second[0][name]) for name in first[0])


def test_a_batch_comes_with_its_own_captions():
    captions = tiny_prompt.captions()
    captions.rows = np.arange(32)
    captions.embeddings = np.arange(32, dtype=np.float16)[:, None, None].repeat(2, axis=1)
    made, stored = trainer(captions), tiny_latent.latents().astype(np.float32)
    for step in range(3):
        numbers = made.prompts(step)[:, 0, 0].long()
        assert np.array_equal(stored[numbers], made.batch(step).numpy())


def test_dropping_every_caption_is_training_on_the_empty_one():
    empty = tiny_prompt.captions(rows=[0] * 32)
    assert same(trained(caption_dropout=1.0), trained(empty))
    assert not same(trained(), trained(empty))
    assert len({tuple(trained(caption_dropout=rate)[1]) for rate in (0.0, 0.5, 1.0)}) == 3


def test_zero_weights_and_a_zero_map_are_bit_identical_to_plain_training():
    some_map = torch.rand((SIZE, SIZE), generator=torch.Generator().manual_seed(1))
    nothing = dataclasses.replace(REVERSE, forward="xt", forward_weight=0.0, reverse_weight=0.0)
    plain = trained()
    assert same(trained(None, some_map, nothing), plain)
    assert same(trained(None, torch.zeros(SIZE, SIZE), REVERSE), plain)
    assert not same(trained(None, some_map, REVERSE), plain)


# -- maps --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def guide(made):
    return Guide(
        RECIPE,
        noise_schedule.of(made),
        tiny_highlighter.highlighter(32),
        tiny_images(),
        seed=0,
        dtype=torch.float32,
        horizontal_flip=False,
        codec=diffusion_autoencoder.of(made),
        captions=tiny_prompt.captions(),
    )


def drawn(refresh):
    streams = [random_streams.stream(0, "map_captions", 4 * refresh + row) for row in range(4)]
    return [int(torch.randint(32, (), generator=draws)) for draws in streams]


def test_the_images_behind_a_map_are_of_captions_of_training_images(made, guide):
    for refresh in (0, 1):
        images, _ = guide.generated(made.unet, refresh)
        network = diffusion_prompts.prompted(made.unet, tiny_prompt.captions(), drawn(refresh))
        streams = [random_streams.stream(0, "map_noise", 4 * refresh + row) for row in range(4)]
        stage, levels = diffusion_autoencoder.of(made), noise_schedule.of(made)
        expected = sampling.sample_chunk(
            network, levels, streams, sampler="ddim", steps=3, dtype=torch.float32, codec=stage
        )
        assert torch.equal(images, expected)
    assert drawn(0) != drawn(1)


def test_maps_have_the_resolution_of_the_images(made, guide):
    maps = guide(made.unet, 0)
    assert maps.mfam.shape == (SIZE, SIZE)
    assert 0.0 <= float(maps.mfam.min()) < float(maps.mfam.max()) <= 1.0


def test_the_map_enters_self_attention_of_every_transformer_and_no_cross_attention(made):
    """A map of ones of weight 1 doubles keys and values of attn1; those of attn2, of text, are what they were."""
    found, scaled = {}, torch.ones(SIZE, SIZE)
    for name, block in made.unet.named_modules():
        if name.endswith(("attn1", "attn2")):
            tokens = torch.randn((1, 4, block.to_k.in_features), generator=torch.Generator().manual_seed(0))
            plain = block.to_k(tokens), block.to_v(tokens)
            with torch.no_grad(), attention_modulation.modulated(made.unet, scaled, 1.0):
                factor = 2.0 if name.endswith("attn1") else 1.0
                found[name] = [
                    torch.allclose(layer(tokens), factor * before)
                    for layer, before in zip((block.to_k, block.to_v), plain, strict=True)
                ]
    assert len(found) == 2 * 4
    assert all(all(as_expected) for as_expected in found.values())


def test_modulation_is_an_attention_whose_keys_and_values_are_scaled_beforehand(made):
    """An oracle without hooks: a map of a constant c is a self-attention with weights of K and V times 1 + lr c."""
    prompt, noisy = tiny_prompt.captions().of([0, 1]), noise(2)
    with torch.no_grad():
        with attention_modulation.modulated(made.unet, torch.full((SIZE, SIZE), 0.6), 0.5):
            hooked = made.unet(noisy, 7, prompt).sample
        other = tiny_prompt.pipeline().unet.eval()
        plain = other(noisy, 7, prompt).sample
        for name, parameter in other.named_parameters():
            if ".attn1.to_k." in name or ".attn1.to_v." in name:
                parameter *= 1.3
        scaled = other(noisy, 7, prompt).sample
    assert torch.allclose(hooked, scaled, atol=1e-4)
    assert not torch.allclose(hooked, plain, atol=1e-2)


def test_a_corrected_network_takes_prompts(made):
    """The time shift of a factor of 1 is the network itself, under prompts, too."""
    from selfrefine.guidance.untrained_controls import TimeShift

    shifted = TimeShift(made.unet, noise_schedule.of(made), 1.0)
    captions = tiny_prompt.captions()
    with torch.no_grad():
        given = [
            diffusion_prompts.prompted(network, captions, range(2), 2.0)(noise(2), 7).sample
            for network in (made.unet, shifted)
        ]
    assert torch.equal(*given)


def test_a_plain_object_with_a_hidden_size_is_all_that_the_network_knows_of_text():
    wide = SimpleNamespace(model=tiny_prompt.encoder().model, tokenizer=tiny_prompt.encoder().tokenizer)
    assert build(autoencoder("kl"), wide).unet.config.cross_attention_dim == WIDTH
