"""Finds flaws in a folder of generated images: trains a highlighter on two folders, and writes a page of maps."""

import argparse
from pathlib import Path

from selfrefine.commands.arguments import add_device, number, whole_number
from selfrefine.core import stopping

HELP = """
Needs: a folder of photographs and one of generated images, from anywhere, 30 or more images in each; no
  diffusion model. VGG16's ImageNet weights are fetched once, unless --weights names them.
Makes: a folder with index.html, a page to sort, filter, zoom and compare in; scores.csv, sorted by score;
  maps.npy, overlays/ and images/; metrics.csv, how well the test images are told apart and by what; and
  highlighter.safetensors for --highlighter. If the folders cannot be told apart it says so and makes no maps.
  Stopped at any time, the same command goes on.

Example:
  selfrefine highlight --real photographs --fake generated --out flaws
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options; those left out have the library's defaults."""
    parser.add_argument("--real", type=Path, required=True, help="folder of photographs")
    parser.add_argument("--fake", type=Path, required=True, help="folder of generated images")
    parser.add_argument("--out", type=Path, required=True, help="folder to make; it must not be there yet")
    parser.add_argument("--highlighter", type=Path, help="highlighter.safetensors of an earlier run, to use as it is")
    parser.add_argument("--weights", type=Path, help="safetensors of VGG16 with torchvision's names")
    parser.add_argument(
        "--input-size", type=whole_number(32), help="px that images are resized to, a multiple of 32; default: 256"
    )
    parser.add_argument("--steps", type=whole_number(1), help="updates; default: 300")
    parser.add_argument("--batch-size", type=whole_number(1), help="images of each folder per update; default: 16")
    parser.add_argument(
        "--learning-rate",
        type=number(float, lambda rate: 0.0 < rate <= 1.0, "numbers above 0, to 1"),
        help="peak of one cycle; default: 0.00005",
    )
    parser.add_argument("--seed", type=whole_number(0), default=0, help="another number, another split; default: 0")
    add_device(parser)


def run(arguments: argparse.Namespace) -> None:
    """Calls the library; asked to stop, the training keeps its last update."""
    from selfrefine import library  # what it imports takes seconds, which `--help` need not wait for

    given = {name: value for name, value in vars(arguments).items() if name != "run"}
    with stopping.allowed():
        library.highlight(**given)
