"""U-ViT: the official names, times, its saved folder, its training (method 7); what it computes: tests/parity."""

import sys

import pytest
import torch
from diffusers import DiffusionPipeline

from selfrefine import networks
from selfrefine.core.errors import InputError
from selfrefine.diffusion import noise_schedule
from selfrefine.guidance.refinement import Refinement
from selfrefine.networks import uvit
from selfrefine.training.trainer import Trainer
from tests.support.tiny import tiny_images, tiny_settings
from tests.support.tiny_uvit import DIFFUSION, NETWORK, SIZE, tiny_pipeline

BLOCK = {  # what a block of U-ViT-S holds in the authors' checkpoints
    "norm1.weight": (512,),
    "norm1.bias": (512,),
    "attn.qkv.weight": (1536, 512),
    "attn.proj.weight": (512, 512),
    "attn.proj.bias": (512,),
    "norm2.weight": (512,),
    "norm2.bias": (512,),
    "mlp.fc1.weight": (2048, 512),
    "mlp.fc1.bias": (2048,),
    "mlp.fc2.weight": (512, 2048),
    "mlp.fc2.bias": (512,),
}
SKIP = {"skip_linear.weight": (512, 1024), "skip_linear.bias": (512,)}
OUTSIDE = {
    "pos_embed": (1, 257, 512),
    "patch_embed.proj.weight": (512, 3, 4, 4),
    "patch_embed.proj.bias": (512,),
    "norm.weight": (512,),
    "norm.bias": (512,),
    "decoder_pred.weight": (48, 512),
    "decoder_pred.bias": (48,),
    "final_layer.weight": (3, 3, 3, 3),
    "final_layer.bias": (3,),
}


def test_names_and_shapes_are_the_official_ones_of_the_small_model_at_64_px():
    expected = dict(OUTSIDE)
    for place in [*(f"in_blocks.{k}" for k in range(6)), "mid_block", *(f"out_blocks.{k}" for k in range(6))]:
        held = BLOCK | SKIP if place.startswith("out") else BLOCK
        expected |= {f"{place}.{name}": shape for name, shape in held.items()}
    with torch.device("meta"):
        network = uvit.UViT(64, 3, 3, 4, 512, 12, 8, 4, final_convolution=True, continuous_time=True)
    assert {name: tuple(value.shape) for name, value in network.state_dict().items()} == expected
    assert len(expected) == 164
    assert round(sum(value.numel() for value in network.parameters()) / 1e6, 2) == 44.29


def test_the_final_convolution_may_be_left_out():
    names = set(tiny_pipeline().unet.state_dict()) - set(tiny_pipeline(final_convolution=False).unet.state_dict())
    assert names == {"final_layer.weight", "final_layer.bias"}


def test_every_form_of_a_time_is_the_same_time():
    network, noisy = tiny_pipeline().unet, torch.randn(2, 3, SIZE, SIZE)
    with torch.no_grad():
        plain = network(noisy, 7).sample
        forms = 7.0, torch.tensor(7), torch.tensor(7.0), torch.tensor([7, 7]), torch.tensor([7.0])
        assert all(torch.equal(network(noisy, form).sample, plain) for form in forms)
        (as_tuple,) = network(noisy, 7, return_dict=False)
        apart = network(noisy, torch.tensor([7.0, 7.5])).sample
    assert torch.equal(as_tuple, plain)
    assert torch.equal(apart[0], plain[0])
    assert not torch.equal(apart[1], plain[1])
    with pytest.raises(RuntimeError):
        network(noisy, torch.tensor([1, 2, 3]))


def test_initial_weights_are_the_authors_and_the_seeds():
    weights = dict(tiny_pipeline(dim=64).unet.named_parameters())
    for name, value in weights.items():
        if name == "pos_embed" or (name.endswith("weight") and "norm" not in name and value.dim() == 2):
            assert float(value.detach().std()) == pytest.approx(0.02, rel=0.15), name
        elif name.endswith("bias") and "norm" not in name and "patch_embed" not in name and "final" not in name:
            assert not value.any(), name
    again, other = (dict(tiny_pipeline(seed, dim=64).unet.named_parameters()) for seed in (0, 1))
    assert all(torch.equal(again[name], value) for name, value in weights.items())
    assert not torch.equal(other["pos_embed"], weights["pos_embed"])


@pytest.mark.parametrize(
    ("network", "diffusion", "named"),
    [
        ({"patch_size": 3}, {}, "sample_size 8 is no multiple of 3"),
        ({"heads": 3}, {}, "dim 16 is no multiple of 3"),
        ({"depth": 3}, {}, "depth 3 is no multiple of 2"),
        ({}, {"schedule": "cosine"}, "schedule is cosine; family uvit knows vp_sde, linear"),
        ({}, {"timesteps": 20}, "timesteps is 20; vp_sde needs 1000"),
    ],
)
def test_what_does_not_build_is_named(network, diffusion, named):
    with pytest.raises(InputError, match=named):
        networks.build("uvit", NETWORK | network, DIFFUSION | diffusion, SIZE, seed=0)


@pytest.mark.parametrize(("schedule", "continuous"), [("vp_sde", True), ("linear", False)])
def test_the_schedule_says_whether_time_is_continuous(schedule, continuous):
    pipeline = tiny_pipeline(schedule=schedule)
    assert pipeline.unet.config.continuous_time is continuous
    levels, times = pipeline.scheduler.alphas_cumprod.double(), torch.arange(1, 1001).double() / 1000
    # the discrete schedule of the folder is the VP-SDE's discretisation (Song et al. 2021, appendix B)
    torch.testing.assert_close(levels.log(), -0.1 * times - 9.95 * times**2, atol=0.06, rtol=0.01)


def test_a_saved_pipeline_loads_and_samples_also_in_stock_diffusers(tmp_path, monkeypatch, caplog):
    pipeline = tiny_pipeline()
    networks.save(pipeline, tmp_path / "pipeline")
    stock = DiffusionPipeline.from_pretrained(tmp_path / "pipeline")  # this file has imported selfrefine.networks.uvit
    monkeypatch.delattr(networks, "uvit")
    monkeypatch.delitem(sys.modules, "selfrefine.networks.uvit")
    ours = networks.load(tmp_path / "pipeline", torch.device("cpu"))  # imports it itself
    assert "UViT" not in caplog.text  # no warning of a class that DDPMPipeline does not name
    images = []
    for loaded in (pipeline, stock, ours):
        loaded.set_progress_bar_config(disable=True)
        draws = torch.Generator().manual_seed(0)
        images.append(loaded(batch_size=2, generator=draws, num_inference_steps=3, output_type="pt").images)
        assert loaded.unet.config.continuous_time
    assert images[0].shape == (2, 3, SIZE, SIZE)
    assert torch.equal(images[0], images[1])
    assert torch.equal(images[0], images[2])


def test_stock_diffusers_names_the_import_that_is_missing(tmp_path, monkeypatch):
    networks.save(tiny_pipeline(), tmp_path / "pipeline")
    monkeypatch.delitem(sys.modules, "selfrefine.networks.uvit")
    with pytest.raises(ValueError, match=r"import selfrefine\.networks\.uvit before calling"):
        DiffusionPipeline.from_pretrained(tmp_path / "pipeline")


# -- in training -------------------------------------------------------------------------------------------------------

BOTH = Refinement("xt", 0.5, "kv", 0.5, cycle=4)
NOTHING = Refinement("xt", 0.0, "kv", 0.0, cycle=4)
MAP = torch.rand((SIZE, SIZE), generator=torch.Generator().manual_seed(1))


def trainer(kind="vp_sde", dtype=torch.float32):
    pipeline = tiny_pipeline(schedule=kind)
    return Trainer(pipeline.unet, noise_schedule.of(pipeline), tiny_images(), tiny_settings(), seed=0, dtype=dtype)


def same(one, other):
    left, right = one.tensors(), other.tensors()
    return all(torch.equal(left[name], right[name]) for name in left.keys() | right.keys())


@pytest.mark.parametrize("kind", ["vp_sde", "linear"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_zero_weights_and_zero_map_are_plain_training_bit_for_bit(kind, dtype):
    plain, *others = (trainer(kind, dtype) for _ in range(4))
    losses = [float(plain.update()) for _ in range(3)]
    updates = ((MAP, NOTHING), (torch.zeros(SIZE, SIZE), BOTH), (MAP, BOTH))
    found = [[float(other.update(*given)) for _ in range(3)] for other, given in zip(others, updates, strict=True)]
    assert [one == losses for one in found] == [True, True, False]
    assert [same(plain, other) for other in others] == [True, True, False]


def test_a_restored_training_goes_on_bit_equal():
    unbroken, half, resumed = trainer(), trainer(), trainer()
    losses = [float(unbroken.update(MAP, BOTH)) for _ in range(6)]
    for _ in range(3):
        half.update(MAP, BOTH)
    resumed.restore({name: value.clone() for name, value in half.tensors().items()}, 3)
    assert [float(resumed.update(MAP, BOTH)) for _ in range(3)] == losses[3:]
    assert same(unbroken, resumed)


@pytest.mark.parametrize(("kind", "whole"), [("vp_sde", False), ("linear", True)])
def test_the_network_sees_the_times_of_its_schedule(kind, whole):
    trained, seen = trainer(kind), []
    trained.network.register_forward_pre_hook(lambda _module, given: seen.append(given[1].double()))
    for _ in range(20):
        trained.update()
    times = torch.cat(seen)
    assert 0 <= float(times.min()) < 100
    assert 900 < float(times.max()) <= 999
    assert bool((times == times.round()).all()) is whole
