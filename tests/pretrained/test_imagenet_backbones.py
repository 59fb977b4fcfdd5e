"""Our convolution stacks against torchvision's, the independent source of their layer numbers and shapes."""

import pytest
import torch
from torchvision import models

from selfrefine.pretrained import imagenet_backbones

STACKS = [(imagenet_backbones.vgg16_features, models.vgg16), (imagenet_backbones.alexnet_features, models.alexnet)]


def torchvision_features(build):
    """torchvision's `features` with memory but without its slow initial weights (and without its classifier)."""
    with torch.device("meta"):
        features = build(weights=None).features
    return features.to_empty(device="cpu")


@pytest.mark.parametrize(("ours", "theirs"), STACKS, ids=["vgg16", "alexnet"])
def test_names_shapes_and_outputs_are_those_of_torchvision(ours, theirs):
    torch.manual_seed(0)
    stack, reference = ours().eval(), torchvision_features(theirs).eval()
    shapes = {name: value.shape for name, value in stack.state_dict().items()}
    assert shapes == {name: value.shape for name, value in reference.state_dict().items()}
    reference.load_state_dict(stack.state_dict(), strict=True)
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(stack(images), reference[: len(stack)](images))


@pytest.mark.parametrize(
    ("stack", "index", "channels"),
    [
        (imagenet_backbones.vgg16_features, imagenet_backbones.VGG16_CONV5_3, 512),
        (imagenet_backbones.alexnet_features, imagenet_backbones.ALEXNET_CONV5, 256),
    ],
)
def test_the_named_layer_is_the_last_convolution(stack, index, channels):
    layers = list(stack())
    convolutions = [number for number, layer in enumerate(layers) if isinstance(layer, torch.nn.Conv2d)]
    assert convolutions[-1] == index
    assert layers[index].out_channels == channels
    assert isinstance(layers[index + 1], torch.nn.ReLU)


@pytest.mark.parametrize("stack", [imagenet_backbones.vgg16_features, imagenet_backbones.alexnet_features])
def test_an_activation_can_be_read_before_its_relu(stack):
    torch.manual_seed(0)
    activation = torch.randn(1, 3, 64, 64)
    for layer in stack():
        before = activation.clone()
        following = layer(activation)
        assert torch.equal(activation, before), "a layer works in place"
        activation = following
