"""What the autoencoders of latent families are: kind, factor, codes, and whether they were trained here."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

KINDS = {"VQModel": "VQ", "AutoencoderKL": "KL"}
COLUMNS = ["dataset", "model", "kind", "f", "latent_channels", "codes", "origin"]
TRAINED, GIVEN = "trained here", "given"


def lines(read: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> pd.DataFrame:
    """A frame with a line for each autoencoder, of its job's config.json and that of the diffusers folder."""
    return pd.DataFrame([_line(config, model) for config, model in read], columns=COLUMNS)


def _line(config: Mapping[str, Any], model: Mapping[str, Any]) -> dict[str, Any]:
    """What it is; the folder's own config tells, since one that is given need not be that of the params."""
    kind = KINDS[model["_class_name"]]
    return {
        **{name: config["names"][name] for name in ("dataset", "model")},
        "kind": kind,
        "f": 2 ** (len(model["block_out_channels"]) - 1),
        "latent_channels": model["latent_channels"],
        "codes": model["num_vq_embeddings"] if kind == "VQ" else 0,
        "origin": GIVEN if config["folder"] else TRAINED,
    }
