"""How a network is executed changes its last digits at most: the order in memory, compiled regions, what is saved."""

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from selfrefine.core import arrays, execution, files
from selfrefine.core.errors import InputError
from selfrefine.guidance import attention_modulation
from selfrefine.guidance.refinement import Refinement
from selfrefine.networks import load
from selfrefine.stages import generate_samples, inpaint_images, train_base, train_refined
from selfrefine.training.trainer import Trainer
from tests.support import tiny, tiny_prompt, tiny_trainers

CPU = torch.device("cpu")
CLOSE = {"rtol": 1e-4, "atol": 1e-5}  # float32 sums in another order
BOTH = Refinement("xt", 0.5, "kv", 0.5, cycle=4)


@dataclasses.dataclass(frozen=True)
class Choices:
    channels_last: execution.Choice = "auto"
    compile: execution.Choice = "auto"


def prepared(network: nn.Module, **how: execution.Choice) -> None:
    execution.prepare(network, CPU, Choices(**how), 10**9)


def output(family: str, network: nn.Module) -> Tensor:
    """What a network makes of fixed noise at a fixed time."""
    side, channels = network.config.sample_size, network.config.in_channels
    noisy = torch.randn(2, channels, side, side, generator=torch.Generator().manual_seed(0))
    prompts = [tiny_prompt.captions().of([0, 1])] if family == "stable_diffusion" else []
    return network(noisy, torch.tensor([3, 70]), *prompts).sample


def spread(network: nn.Module) -> list[str]:
    """The weights that are not in torch's own order."""
    return [name for name, weight in network.named_parameters() if not weight.is_contiguous()]


def compiled(network: nn.Module) -> list[nn.Module]:
    return [module for module in network.modules() if module._compiled_call_impl is not None]


@pytest.mark.parametrize("family", tiny_trainers.FAMILIES)
@pytest.mark.parametrize("choice", ["auto", False])
def test_on_a_cpu_auto_is_as_if_nothing_had_been_asked(family: str, choice: execution.Choice) -> None:
    network = tiny_trainers.pipeline(family).unet
    prepared(network, channels_last=choice, compile=choice)
    assert not spread(network)
    assert not compiled(network)


@pytest.mark.parametrize("family", tiny_trainers.FAMILIES)
def test_channels_side_by_side_give_the_same_noise(family: str) -> None:
    network = tiny_trainers.pipeline(family).unet.eval()
    with torch.no_grad():
        expected = output(family, network)
        prepared(network, channels_last=True)
        assert spread(network)
        torch.testing.assert_close(output(family, network), expected, **CLOSE)
    execution.in_own_order(network)
    assert not spread(network)


def trainer(family: str, choice: execution.Choice) -> Trainer:
    """A trainer that takes a prepared network, as in a stage."""
    made = tiny_trainers.trainer(family)
    prepared(made.network, channels_last=choice)
    return Trainer(
        made.network, made.schedule, made.images, made.settings, seed=0, dtype=made.dtype, captions=made.captions
    )


@pytest.mark.parametrize("family", tiny_trainers.FAMILIES)
def test_channels_side_by_side_train_alike_and_go_on_from_what_was_kept(family: str) -> None:
    """The moments of a trainer that goes on lie as its weights do: its bytes are those of an unbroken one."""
    plain, unbroken, broken, resumed = (trainer(family, choice) for choice in (False, True, True, True))
    some_map = tiny_trainers.some_map(plain)
    losses = [[float(made.update(some_map, BOTH)) for _ in range(4)] for made in (plain, unbroken)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    for _ in range(2):
        broken.update(some_map, BOTH)
    resumed.restore({name: tensor.contiguous() for name, tensor in broken.tensors().items()}, 2)
    for _ in range(2):
        resumed.update(some_map, BOTH)
    for name, tensor in unbroken.tensors().items():
        assert torch.equal(tensor, resumed.tensors()[name]), name


@pytest.mark.parametrize("family", tiny_trainers.FAMILIES)
def test_no_region_that_is_compiled_holds_an_attention_which_the_map_enters(family: str) -> None:
    network = tiny_trainers.pipeline(family).unet
    found = execution.regions(network)
    inside = {module for region in found for module in region.modules()}
    assert found
    assert inside.isdisjoint(attention_modulation.self_attentions(network))


def test_compiled_regions_give_the_same_noise_gradients_and_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a map, without one, and in evaluation: what is made for one is not used for another.

    Regions are traced, differentiated and run as torch compiles them, but for the machine code, which takes minutes.
    """
    monkeypatch.setattr(execution, "BACKEND", "aot_eager")
    plain, other = (tiny_trainers.trainer("ddpm", dropout=0.2) for _ in range(2))
    prepared(other.network, compile=True)
    assert len(compiled(other.network)) == len(execution.regions(other.network)) > 1
    some_map = 3.0 * tiny_trainers.some_map(plain)
    for how in (None, BOTH, None):
        loss, same = (trainer.update(some_map if how else None, how) for trainer in (plain, other))
        torch.testing.assert_close(same, loss, **CLOSE)
    assert plain.network.state_dict().keys() == other.network.state_dict().keys()
    for name, tensor in plain.tensors().items():
        torch.testing.assert_close(other.tensors()[name], tensor, rtol=1e-3, atol=1e-4)
    with torch.no_grad(), plain.ema_weights() as expected, other.ema_weights() as found:
        torch.testing.assert_close(output("ddpm", found), output("ddpm", expected), rtol=1e-3, atol=1e-4)


def test_machine_code_gives_the_same_noise_and_gradients() -> None:
    """Of the network whose regions all have one shape."""
    networks = [tiny_trainers.pipeline("uvit").unet.eval() for _ in range(2)]
    prepared(networks[1], compile=True)
    outputs = [output("uvit", network) for network in networks]
    torch.testing.assert_close(outputs[1], outputs[0], **CLOSE)
    for found in outputs:
        found.square().sum().backward()
    for weight, other in zip(*(network.parameters() for network in networks), strict=True):
        torch.testing.assert_close(other.grad, weight.grad, **CLOSE)


def test_without_a_compiler_one_line_says_so(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(torch._inductor.config.cpp, "cxx", ("no-such-compiler",))
    network = tiny_trainers.pipeline("ddpm").unet
    with pytest.raises(InputError, match=r"^params\.yaml: shared\.compile is true, but this machine has no C\+\+ comp"):
        prepared(network, compile=True)
    prepared(network)
    assert not compiled(network)
    assert capsys.readouterr().out == ""


def test_what_a_stage_saves_is_in_torchs_own_order_whatever_it_computed_in(tmp_path: Path) -> None:
    """And it trains alike."""
    images = tiny.write_images(tmp_path / "images.npy")
    names, losses = [], []
    for choice in (False, True):
        base = tiny.base_job(images, tmp_path / f"base{choice}", channels_last=choice, network=tiny.NETWORK)
        train_base.run(base)
        network = load(base.outputs.pipeline, CPU).unet
        assert not spread(network)
        names.append([*network.state_dict(), *arrays.read_tensors(base.outputs.state)[0]])
        losses.append(files.read_table(base.outputs.loss)["loss"])
    assert names[0] == names[1]
    assert losses[1].to_numpy() == pytest.approx(losses[0].to_numpy(), rel=1e-2)


@pytest.mark.parametrize("stage", [train_base, train_refined, generate_samples, inpaint_images])
def test_stages_of_the_diffusion_network_take_both_choices(stage) -> None:
    assert {"channels_last", "compile"} <= {field.name for field in dataclasses.fields(stage.Config)}
