"""Our batched Grad-CAM against the packages grad-cam and captum, which do it by hooks on the whole network."""

import copy

import pytest
import torch
from captum.attr import LayerGradCam
from pytorch_grad_cam import GradCAM
from torch import nn

from selfrefine.highlighter import gradcam
from selfrefine.highlighter.model import FAKE, REAL
from selfrefine.pretrained.imagenet_backbones import VGG16_CONV5_3
from tests.support import tiny_highlighter
from tests.support.tiny_highlighter import streams


@pytest.fixture(scope="module")
def shown():
    return torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.mark.parametrize("input_size", [32, 64])
def test_maps_equal_those_of_the_package_grad_cam(input_size, shown):
    model = tiny_highlighter.highlighter(input_size)
    ours = gradcam.flaw_activation_maps(model, shown, streams(4))
    # With torchvision's in-place ReLU the package, which keeps no copy on the CPU, reads activations after it and
    # gradients before it: our taps.
    theirs = copy.deepcopy(model)
    theirs.features[VGG16_CONV5_3 + 1] = nn.ReLU(inplace=True)
    with GradCAM(theirs, [theirs.features[VGG16_CONV5_3]]) as oracle:
        for i, prepared in enumerate(model.prepare(shown, streams(4))):
            cam = oracle(prepared[None], [lambda logits: logits[FAKE] - logits[REAL]])
            torch.testing.assert_close(ours[i], torch.from_numpy(cam)[0], atol=1e-4, rtol=0)
    assert float(ours.max()) > 0.99


def test_class_activation_equals_captums(shown):
    model = tiny_highlighter.highlighter(64)
    nn.init.constant_(
        model.features[VGG16_CONV5_3].bias, 100.0
    )  # all activations positive: captum reads the pre-ReLU ones
    prepared = model.prepare(shown, streams(4))
    with torch.no_grad():
        tap = model.features[: VGG16_CONV5_3 + 1](prepared)
    assert float(tap.min()) > 0.0
    ours = gradcam.class_activation(model, tap)

    def target(inputs):
        logits = model(inputs)
        return logits[:, FAKE] - logits[:, REAL]

    theirs = LayerGradCam(target, model.features[VGG16_CONV5_3]).attribute(prepared, relu_attributions=True)
    torch.testing.assert_close(ours, theirs[:, 0].detach(), rtol=1e-4, atol=1e-4 * float(ours.max()))
    assert float(ours.max()) > 0.0
