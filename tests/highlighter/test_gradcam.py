import copy

import numpy as np
import pytest
import torch

from selfrefine.core import pixels
from selfrefine.highlighter import gradcam
from selfrefine.highlighter.gradcam import flaw_activation_maps, mean_map
from selfrefine.highlighter.model import FAKE, REAL
from selfrefine.pretrained.imagenet_backbones import VGG16_CONV5_3
from tests.support import tiny_highlighter
from tests.support.tiny_highlighter import streams


@pytest.fixture(scope="module")
def model():
    return tiny_highlighter.highlighter(64)


@pytest.fixture(scope="module")
def shown():
    noise = torch.randn(6, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.avg_pool2d(noise, 5, stride=1, padding=2).mul(3).clamp(-1, 1)


@pytest.fixture(scope="module")
def maps(model, shown):
    return flaw_activation_maps(model, shown, streams(6))


def test_each_map_spans_zero_to_one_at_the_input_size(maps):
    assert maps.shape == (6, 64, 64)
    assert maps.dtype == torch.float32
    assert torch.equal(maps.amin(dim=(1, 2)), torch.zeros(6))
    torch.testing.assert_close(maps.amax(dim=(1, 2)), torch.ones(6), atol=2e-7, rtol=0)


def test_a_batch_is_the_same_as_its_images_one_by_one(model, shown, maps):
    alone = [flaw_activation_maps(model, shown[i : i + 1], streams(1, first=i)) for i in range(len(shown))]
    torch.testing.assert_close(torch.cat(alone), maps, atol=1e-5, rtol=0)


@pytest.mark.parametrize("factor", [0.1, 30.0])
def test_the_scale_of_the_logits_does_not_matter(model, shown, maps, factor):
    scaled = copy.deepcopy(model)
    with torch.no_grad():
        scaled.head[3].weight.mul_(factor)
        scaled.head[3].bias.mul_(factor)
    torch.testing.assert_close(flaw_activation_maps(scaled, shown, streams(6)), maps, atol=1e-5, rtol=0)


def planted(cell):
    """A dark image of 128 px with one bright patch inside one of the 8 x 8 cells."""
    image = np.zeros((1, 128, 128, 3), np.uint8)
    row, column = (16 * index for index in cell)
    image[:, row + 4 : row + 12, column + 4 : column + 12] = 255
    return pixels.to_float(image)


@pytest.mark.parametrize("cell", [(0, 0), (2, 5), (7, 3)])
def test_the_map_peaks_on_the_patch_that_makes_the_fake_logit(cell):
    model = tiny_highlighter.brightness_highlighter(128, sign=1.0)
    found = flaw_activation_maps(model, planted(cell), [])[0]
    row, column = divmod(int(found.argmax()), 128)
    assert (row // 16, column // 16) == cell
    assert found[16 * cell[0] + 8, 16 * cell[1] + 8] > 0.9


def test_evidence_for_real_alone_leaves_an_empty_map():
    model = tiny_highlighter.brightness_highlighter(128, sign=-1.0)
    assert torch.equal(flaw_activation_maps(model, planted((2, 5)), []), torch.zeros(1, 128, 128))


def test_the_logits_give_the_map_of_a_softmax_that_is_not_saturated(model, shown):
    with torch.no_grad():
        tap = model.features[: VGG16_CONV5_3 + 1](model.prepare(shown, streams(6)))
    tap.requires_grad_()
    logits = model.head(model.features[VGG16_CONV5_3 + 1 :](tap))
    assert (logits[:, FAKE] - logits[:, REAL]).abs().max() < 10
    (gradient,) = torch.autograd.grad(logits.softmax(dim=1)[:, FAKE].sum(), tap)
    of_softmax = (gradient.mean(dim=(2, 3), keepdim=True) * tap.detach().relu()).sum(dim=1).relu()
    of_logits = gradcam.class_activation(model, tap.detach())
    peaks = of_softmax.amax(dim=(1, 2), keepdim=True) / of_logits.amax(dim=(1, 2), keepdim=True)
    torch.testing.assert_close(of_softmax, of_logits * peaks, rtol=1e-4, atol=1e-8)


def test_the_map_is_float32_where_the_convolutions_are_not(model, shown, maps):
    types = []
    hooks = [
        module.register_forward_hook(lambda _, __, output: types.append(output.dtype))
        for module in (model.features[0], model.head)
    ]
    with torch.autocast("cpu", torch.bfloat16):
        rough = flaw_activation_maps(model, shown, streams(6))
    for hook in hooks:
        hook.remove()
    assert types == [torch.bfloat16, torch.float32]
    assert rough.dtype == torch.float32
    assert torch.corrcoef(torch.stack([rough.flatten(), maps.flatten()]))[0, 1] > 0.99


def test_weights_get_no_gradient_and_the_caller_may_forbid_gradients(model, shown, maps):
    with torch.no_grad():
        again = flaw_activation_maps(model, shown, streams(6))
    assert torch.equal(again, maps)
    assert not again.requires_grad
    assert all(parameter.grad is None for parameter in model.parameters())


def test_the_softmax_target_is_the_default_up_to_scale_until_it_saturates(model, shown, maps):
    soft = flaw_activation_maps(model, shown, streams(6), gradcam.Cam(target="softmax"))
    torch.testing.assert_close(soft, maps, atol=1e-3, rtol=0)


def test_a_saturated_softmax_keeps_only_the_gradient_of_the_real_logit(model, shown):
    sure = copy.deepcopy(model)
    with torch.no_grad():
        sure.head[3].bias[FAKE] += 40.0  # P(fake) rounds to 1
        tap = sure.features[: VGG16_CONV5_3 + 1](sure.prepare(shown, streams(6)))
    found = gradcam.class_activation(sure, tap, gradcam.Cam(target="softmax"))
    tap.requires_grad_()
    (gradient,) = torch.autograd.grad(-sure.head(sure.features[VGG16_CONV5_3 + 1 :](tap))[:, REAL].sum(), tap)
    of_real = (gradient.mean(dim=(2, 3), keepdim=True) * tap.detach().relu()).sum(dim=1).relu()
    scale = found.sum() / of_real.sum()
    assert 0 < float(scale) < 1e-10
    for one, other in zip(found / found.amax(), of_real / of_real.amax(), strict=True):
        assert torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1] > 0.99


def test_the_sigmoid_of_the_first_head_shows_what_looks_real(shown):
    """A highlighter of evidence for fake has no evidence for real, and the other way round."""
    for sign, seen in ((1.0, False), (-1.0, True)):
        model = tiny_highlighter.brightness_highlighter(64, sign=sign * 0.01)
        found = flaw_activation_maps(model, shown, [], gradcam.Cam(target="sigmoid"))
        assert bool((found.amax(dim=(1, 2)) > 0.99).all()) is seen
        assert bool((flaw_activation_maps(model, shown, []).amax(dim=(1, 2)) > 0.99).all()) is not seen


def test_the_activation_may_be_read_before_the_relu(model, shown):
    with torch.no_grad():
        tap = model.features[: VGG16_CONV5_3 + 1](model.prepare(shown, streams(6)))
    assert float(tap.min()) < 0
    after, before = (
        gradcam.class_activation(model, tap, gradcam.Cam(tap=tap_)) for tap_ in ("after_relu", "before_relu")
    )
    assert not torch.allclose(after, before, rtol=0.05)
    positive = tap.clamp(min=1e-3)  # where nothing is negative, the tap makes no difference
    after, before = (
        gradcam.class_activation(model, positive, gradcam.Cam(tap=tap_)) for tap_ in ("after_relu", "before_relu")
    )
    assert torch.equal(after, before)


def test_the_authors_input_is_standardised_by_their_numbers_without_guard(model, shown):
    seen = []
    hook = model.features[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].clone()))
    flaw_activation_maps(model, shown[:, :1], streams(6), gradcam.Cam(preparation="authors"))
    hook.remove()
    resized = torch.nn.functional.interpolate(shown[:, :1] / 2 + 0.5, size=(64, 64), mode="bilinear")
    torch.testing.assert_close(seen[0], ((resized - 0.45) / 0.25).expand(-1, 3, -1, -1))


def test_packed_images_are_explained_a_chunk_at_a_time(model):
    packed = tiny_highlighter.images(5, 16, striped=True)
    found = gradcam.explain(model, packed, streams(5), torch.float32, chunk_size=2)
    whole = flaw_activation_maps(model, pixels.to_float(packed), streams(5))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, whole.numpy(), atol=1e-5)
    with torch.no_grad():
        tap = model.features[: VGG16_CONV5_3 + 1](model.prepare(pixels.to_float(packed), streams(5)))
    assert tap.shape[2:] == (model.input_size // gradcam.CELL,) * 2


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_map_is_the_part_of_the_evidence_above_zero(sign):
    packed, model = tiny_highlighter.images(6, 16, striped=True), tiny_highlighter.highlighter(64)
    with torch.no_grad():
        model.head[3].weight.mul_(sign)
    found = gradcam.cell_evidence(model, packed, streams(6), torch.float32)
    with torch.no_grad():
        tap = model.features[: VGG16_CONV5_3 + 1](model.prepare(pixels.to_float(packed), streams(6)))
    np.testing.assert_allclose(found.clip(min=0.0), gradcam.class_activation(model, tap).numpy(), atol=1e-6)
    assert (found < 0.0).any() == (sign < 0.0)
    assert len(np.unique(found)) == found.size  # every place has its rank, also where the map is empty
    maps = gradcam.explain(model, packed, streams(6), torch.float32)
    assert np.array_equal((found > 0.0).any(axis=(1, 2)), maps.any(axis=(1, 2)))


class TestMeanMap:
    def test_it_averages_images_then_areas(self):
        maps = torch.zeros(2, 4, 4)
        maps[0, :2, :2] = 1.0
        maps[1, 0, 3] = 1.0
        assert torch.equal(mean_map(maps, 2), torch.tensor([[0.5, 0.125], [0.0, 0.0]]))

    def test_it_is_not_scaled_again(self, maps):
        mfam = mean_map(maps, 16)
        assert mfam.shape == (16, 16)
        assert mfam.mean() == pytest.approx(float(maps.mean()), rel=1e-5)
        assert 0.0 < float(mfam.max()) < 1.0

    def test_maps_of_the_training_size_are_only_averaged(self, maps):
        torch.testing.assert_close(mean_map(maps, 64), maps.mean(dim=0))
