"""The folder of a pipeline that anybody made: what there is refused before anything of it is read, with the way out."""

from importlib.util import find_spec
from pathlib import Path

import torch

from selfrefine import networks
from selfrefine.core import model_folders
from selfrefine.core.errors import InputError
from selfrefine.networks import Pipeline

PIECES = "spiece.model"  # of T5, in the folders of PixArt that were published
CONVERT = (
    'python -c "from diffusers import DiffusionPipeline as P; '
    "P.from_pretrained('{folder}', use_safetensors=False).save_pretrained('{folder}_safetensors')\""
)


def load(folder: Path, device: torch.device) -> Pipeline:
    """A pipeline in float32, also of weights of half precision; nothing but its safetensors is trusted.

    Args:
        folder: with model_index.json.
        device: where it shall compute.

    Raises:
        InputError: no pipeline, or one that may run code; of weights in .bin the message holds the one command that
            converts them.
    """
    for part in model_folders.parts(folder):
        pickles = [path for path in sorted((folder / part).glob("*")) if path.suffix in model_folders.PICKLES]
        if pickles and not any((folder / part).glob("*.safetensors")):
            command = CONVERT.format(folder=folder)
            fact = "may be a pickle, which can run code; if you trust who made it, convert it once"
            raise InputError(f"{pickles[0]}: {fact}: {command}")
        words = folder / part / PIECES
        if words.is_file() and not words.with_name("tokenizer.json").is_file() and find_spec("sentencepiece") is None:
            raise InputError(f"{words}: needs two packages to be read: pip install sentencepiece protobuf")
    return networks.load_any(folder, device)
