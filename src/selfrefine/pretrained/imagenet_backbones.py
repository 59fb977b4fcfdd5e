"""The convolution stacks of torchvision's VGG16 and AlexNet, with torchvision's layer numbers, so that its weights
load by name.

Built here rather than imported: torchvision's import costs more than two seconds of every job's start. ReLU is out of
place, so that an activation can be read before it (Grad-CAM).
"""

from torch import nn

# Channels of the convolutions; "pool" is a 2 x 2 max pooling (Simonyan & Zisserman 2015, configuration D).
VGG16 = (64, 64, "pool", 128, 128, "pool", 256, 256, 256, "pool", 512, 512, 512, "pool", 512, 512, 512, "pool")
VGG16_CONV5_3 = 28  # index of the last convolution; its ReLU follows
ALEXNET_CONV5 = 10


def vgg16_features() -> nn.Sequential:
    """VGG16 `features`, layers 0 ... 30: (N, 3, H, W) to (N, 512, H // 32, W // 32)."""
    layers: list[nn.Module] = []
    channels = 3
    for width in VGG16:
        if isinstance(width, str):
            layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
            continue
        layers += [nn.Conv2d(channels, width, kernel_size=3, padding=1), nn.ReLU()]
        channels = width
    return nn.Sequential(*layers)


def alexnet_features() -> nn.Sequential:
    """AlexNet `features`, layers 0 ... 11 (without the last pooling): (N, 3, H, W) to (N, 256, h, w)."""
    return nn.Sequential(
        nn.Conv2d(3, 64, kernel_size=11, stride=4, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(64, 192, kernel_size=5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(192, 384, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Conv2d(256, 256, kernel_size=3, padding=1),
        nn.ReLU(),
    )
