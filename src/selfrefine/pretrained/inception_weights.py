"""The weights of the network that FID is defined on: one published file, known by its sha256."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from selfrefine.core import files
from selfrefine.data.providers import Most, check_digest, first_delivery
from selfrefine.pretrained import drawn_weights, imagenet_weights

MOST = Most(gib=0.5, hours=1)  # 0.1 GB
NAME = "inception"  # its row of `weights` in params.yaml
# Converted by torch-fidelity from the TensorFlow network of Heusel et al. 2017, as pytorch-fid's file of the same hash.
FILE = "weights-inception-2015-12-05-6726825d.pth"
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"


def fetch(order: Sequence[str], folder: Path, scratch: Path) -> dict[str, Tensor]:
    """The weights, by torch-fidelity's names.

    Args:
        order: providers to try: folder, torch_fidelity, random.
        folder: where the user may have put the file.
        scratch: folder for the download.

    Raises:
        InputError: no provider could deliver the file.
    """
    ways: dict[str, Callable[[Path], Path]] = {"folder": lambda _: folder / FILE, "torch_fidelity": download}
    providers: dict[str, Callable[[Path], dict[str, Tensor]]]
    providers = {way: partial(_checked, provider) for way, provider in ways.items()}
    providers[drawn_weights.PROVIDER] = drawn_weights.provider(_untrained)
    remedy = f"put {FILE} of torch-fidelity into {folder}, or edit weights.{NAME}.fetch_weights in params.yaml"
    return first_delivery(f"weights of {NAME}", order, providers, scratch, remedy, MOST)


def download(scratch: Path) -> Path:
    """The file from torch's cache, or from the address that torch-fidelity itself takes it from."""
    from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3

    cached = Path(torch.hub.get_dir(), "checkpoints", FILE)
    if cached.is_file():
        return cached
    downloaded = scratch / FILE
    torch.hub.download_url_to_file(URL_INCEPTION_V3, str(downloaded), progress=False)
    return downloaded


def _untrained() -> nn.Module:
    from selfrefine.pretrained.inception_network import InceptionNetwork  # slow

    network: nn.Module = InceptionNetwork()
    return network


def _checked(provider: Callable[[Path], Path], scratch: Path) -> dict[str, Tensor]:
    path = provider(scratch)
    check_digest(str(path), files.sha256(path), SHA256)
    return imagenet_weights.load(path)
