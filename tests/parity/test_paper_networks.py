"""The paper's networks on the meta device: parameters and FLOPs of method 8; and a training step of each that
experiments/paper.yaml has on a fake CUDA device, where a tensor on the wrong one is an error."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DModel
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode
from transformers import CLIPTextConfig, CLIPTextModel

from selfrefine import networks
from selfrefine.diffusion import autoencoder as diffusion_autoencoder
from selfrefine.diffusion import forward_process, noise_schedule
from selfrefine.guidance import attention_modulation
from selfrefine.params import job_config, model_kinds, references
from selfrefine.params.experiment import read_params
from selfrefine.pretrained.text_encoder import TextEncoder

SCHEDULE = {"schedule": "linear", "timesteps": 1000}
# guided-diffusion has the networks of the family improved_ddpm, but also a normalisation before the middle attention,
# which diffusers leaves out beside scale-shift norm unless its groups are named.
GUIDED = {"attn_norm_num_groups": 32}


@dataclass(frozen=True)
class Candidate:
    """A network of method 8, with its figures there."""

    size: int
    channels: tuple[int, ...]
    attentive: tuple[int, ...]  # px of the levels that attend
    parameters: float  # 10^6
    gflops: float | None  # of one image forward
    layers: int = 2
    head: int = 64
    guided: bool = False

    def build(self) -> UNet2DModel:
        """Through the family, as a job builds it."""
        levels = [self.size >> level for level in range(len(self.channels))]
        network = {
            "channels": 3,
            "block_out_channels": list(self.channels),
            "attention": [level in self.attentive for level in levels],
            "layers_per_block": self.layers,
            "norm_num_groups": 32,
            "attention_head_dim": self.head,
            "dropout": 0.0,
        }
        if not self.guided:
            return networks.build("ddpm", network, SCHEDULE, self.size, seed=0).unet
        schedule = SCHEDULE | {"learned_variance": False}
        unet = networks.build("improved_ddpm", network, schedule, self.size, seed=0).unet
        return UNet2DModel.from_config(unet.config, **GUIDED)


CANDIDATES = {
    "D1": Candidate(128, (128, 128, 256, 384, 512), (16, 8), 94.998, 132.85, guided=True),
    "D1-64": Candidate(64, (128, 256, 384, 512), (16, 8), 92.026, 60.61, guided=True),
    "D2": Candidate(128, (128, 128, 256, 384, 512), (16, 8), 125.067, 176.92, layers=3, guided=True),
    "iDDPM-64": Candidate(64, (128, 256, 384, 512), (16, 8), 121.060, 79.44, layers=3, guided=True),
    "D3": Candidate(128, (128, 128, 256, 256, 512), (16,), 71.437, 124.03, head=256),
    "D3b": Candidate(128, (128, 128, 256, 256, 512, 512), (16,), 109.733, 124.43, head=256),
    "Ho 256": Candidate(256, (128, 128, 256, 256, 512, 512), (16,), 113.673, None, head=512),
    "Ho 64": Candidate(64, (128, 256, 256, 256), (16,), 35.746, 46.74, head=256),
}


@pytest.mark.parametrize("name", CANDIDATES)
def test_parameters_and_flops_are_those_of_the_specification(name):
    candidate = CANDIDATES[name]
    with torch.device("meta"), torch.no_grad():
        unet = candidate.build()
        with FlopCounterMode(display=False) as counter:
            unet(torch.empty(1, 3, candidate.size, candidate.size), torch.zeros(1, dtype=torch.int64))
    parameters = sum(parameter.numel() for parameter in unet.parameters())
    assert parameters / 1e6 == pytest.approx(candidate.parameters, abs=0.0005)
    if candidate.gflops is not None:
        assert counter.get_total_flops() / 1e9 == pytest.approx(candidate.gflops, abs=0.01)


# Parameters in millions of every network of experiments/paper.yaml, by data set and model.
VALUES, _ = read_params(Path(__file__).parents[2], "paper")
SELECTED = {
    ("celeba_hq", "ddpm"): 94.998,
    ("celeba_hq", "improved_ddpm"): 125.067,
    ("celeba_hq_64", "uvit"): 44.292,
    ("celeba_hq_256", "ldm"): 274.056,
    ("flowers", "ddpm"): 94.998,
    ("church", "ddpm_64"): 92.026,
    ("coco", "stable_diffusion"): 859.521,
}


def selected(dataset, model):
    """The config of the base phase, and the pipeline as its job builds it."""
    run = references.Run(VALUES, {"dataset": dataset, "model": model})
    base = job_config.job(VALUES, "train_base", run.names)
    parts = {}
    if job_config.is_latent(VALUES, dataset, model):
        parts["autoencoder"] = autoencoder(dataset, model)
    if job_config.is_prompted(VALUES, dataset, model):
        clip = VALUES["text_encoders"][model_kinds.text_encoder(VALUES, dataset, model)]
        one_layer = CLIPTextConfig(hidden_size=clip["width"], num_hidden_layers=1)
        parts["text_encoder"] = TextEncoder(CLIPTextModel(one_layer), None)
    size = run.value("prepare_data", "size")
    return base, networks.build(base["family"], base["network"], base["diffusion"], size, 0, **parts)


def autoencoder(dataset="celeba_hq_256", model="ldm"):
    """The autoencoder of a latent model of the experiment."""
    run = references.Run(VALUES, {"dataset": dataset, "model": model})
    kind, network = (run.value("train_autoencoder", leaf) for leaf in ("kind", "network"))
    return diffusion_autoencoder.build(kind, network, run.value("prepare_data", "size"), seed=0)


@pytest.fixture(autouse=True)
def all_constructors():
    """Lets `with torch.device(...)` know torch.randn and the like: it lists them once, and a library that loads weights
    puts others in their place meanwhile."""
    torch.utils._device._device_constructors.cache_clear()


def test_these_are_all_networks_of_the_experiment():
    assert {tuple(run.names.values()) for run in references.runs(VALUES)} == SELECTED.keys()


@pytest.mark.parametrize("run", SELECTED, ids="-".join)
def test_the_experiment_has_the_parameters_of_the_specification(run):
    with torch.device("meta"):
        _, pipeline = selected(*run)
    parameters = sum(parameter.numel() for parameter in pipeline.unet.parameters())
    assert parameters / 1e6 == pytest.approx(SELECTED[run], abs=0.0005)


@pytest.mark.parametrize("run", SELECTED, ids="-".join)
@pytest.mark.parametrize("refined", [False, True], ids=["plain", "refined"])
def test_forward_and_loss_on_a_fake_gpu(run, refined):
    """The paper's batch through q(x_t | x_0), the modulated network and the loss: nothing is left on the CPU."""
    with torch.device("meta"):  # U-ViT's initial weights are drawn again until they fit, which fake ones cannot tell
        base, pipeline = selected(*run)
    with FakeTensorMode(allow_non_fake_inputs=True), torch.device("cuda"):
        unet = pipeline.unet.to_empty(device="cuda")
        levels = dataclasses.replace(noise_schedule.of(pipeline), alphas_cumprod=torch.linspace(0.99, 0.0001, 1000))
        shape = (base["batch_size"], unet.config.in_channels, unet.config.sample_size, unet.config.sample_size)
        noise = forward_process.Noise(torch.randn(shape), torch.randn(shape))
        size = job_config.job(VALUES, "prepare_data", {"dataset": run[0]})[
            "size"
        ]  # of a map, also where latents are small
        some_map = torch.rand((size, size)) if refined else None
        if refined:
            noise = forward_process.steer(noise.target, some_map, "xt", 0.01)
        times = 999.0 * torch.rand(shape[0]) if levels.continuous else torch.randint(1000, shape[:1])
        noisy = forward_process.diffuse(torch.randn(shape), noise.injected, levels.alphas_cumprod_at(times))
        prompts = {}
        if job_config.is_prompted(VALUES, *run):
            tokens = job_config.job(VALUES, "encode_captions", {"dataset": run[0], "model": run[1]})["tokens"]
            prompts["encoder_hidden_states"] = torch.randn(shape[0], tokens, unet.config.cross_attention_dim)
        with attention_modulation.modulated(unet, some_map, 0.025, "kv" if refined else "none"):
            predicted = unet(noisy, times, **prompts).sample
        loss = forward_process.noise_loss(predicted, noise.target, noise.loss_factor)
    assert (predicted.shape, predicted.device.type) == (torch.Size(shape), "cuda")
    assert (loss.shape, loss.device.type) == (torch.Size(()), "cuda")


def test_the_first_stage_has_the_parameters_and_flops_of_the_specification():
    """VQ-f4 of method 8, its two halves; 8,192 codes of 3 channels (method 5.1)."""
    with torch.device("meta"), torch.no_grad():
        model = autoencoder()
        found = {}
        for name, shape in (("encoder", (1, 3, 256, 256)), ("decoder", (1, 3, 64, 64))):
            part = getattr(model, name)
            with FlopCounterMode(display=False) as counter:
                part(torch.empty(shape))
            parameters = sum(parameter.numel() for parameter in part.parameters())
            found[name] = (parameters / 1e6, counter.get_total_flops() / 1e9)
    assert found["encoder"] == (pytest.approx(22.34, abs=0.005), pytest.approx(345.2, abs=0.05))
    assert found["decoder"] == (pytest.approx(32.96, abs=0.005), pytest.approx(670.6, abs=0.05))
    assert sum(parameter.numel() for parameter in model.parameters()) / 1e6 == pytest.approx(55.3, abs=0.05)
    assert model.quantize.embedding.weight.shape == (8192, 3)


def test_the_first_stage_of_stable_diffusion_has_the_parameters_of_the_specification():
    with torch.device("meta"):
        model = autoencoder("coco", "stable_diffusion")
    assert sum(parameter.numel() for parameter in model.parameters()) / 1e6 == pytest.approx(83.65, abs=0.005)


def test_the_first_stage_on_a_fake_gpu():
    """A batch to latents and back, and its loss: nothing is left on the CPU."""
    values = job_config.job(VALUES, "train_autoencoder", {"dataset": "celeba_hq_256", "model": "ldm"})
    with torch.device("meta"):
        model = autoencoder()
    with FakeTensorMode(allow_non_fake_inputs=True), torch.device("cuda"):
        model, images = model.to_empty(device="cuda"), torch.rand(values["batch_size"], 3, 256, 256)
        stage = diffusion_autoencoder.LatentCodec(model)
        latents = stage.encode(images)
        assert (tuple(latents.shape[1:]), latents.device.type) == ((3, 64, 64), "cuda")
        decoded = stage.decode(latents)
        assert (decoded.shape, decoded.device.type) == (images.shape, "cuda")
        reproduced = model.decode(model.encode(images).latents)
        loss = (reproduced.sample - images).abs().mean() + reproduced.commit_loss
    assert (loss.shape, loss.device.type) == (torch.Size(()), "cuda")


def test_a_tensor_that_was_left_on_the_cpu_is_an_error_there():
    with FakeTensorMode(), torch.device("cuda"):
        unet = CANDIDATES["Ho 64"].build()
        with pytest.raises(RuntimeError, match=r"[Dd]evice"):
            unet(torch.randn(1, 3, 64, 64, device="cpu"), torch.zeros(1, dtype=torch.int64))
