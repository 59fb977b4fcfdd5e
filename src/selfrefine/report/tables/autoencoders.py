"""The first stages of latent families: how well each reproduces held-out images.

Nothing that a network on latents makes is sharper than what the decoder gives back (method 5.1, LDM).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from selfrefine.core import files
from selfrefine.metrics.intervals import Estimate
from selfrefine.report.markdown import EMPTY, figure, markdown_table
from selfrefine.report.seed_statistics import Line, over_runs

TRAINED, GIVEN = "trained here", "given"
KINDS = {"VQModel": "VQ", "AutoencoderKL": "KL"}
# Metric of train_autoencoder -> (heading, factor, format).
METRICS = {
    "psnr": ("PSNR, dB", 1.0, ".2f"),
    "ssim": ("SSIM", 1.0, ".4f"),
    "codes_used": ("Codes used, %", 100.0, ".1f"),
}
ENDS = ("value", "low", "high")
COLUMNS = [  # of autoencoder.csv, also where it has no line
    *("dataset", "model", "kind", "f", "latent_channels", "codes", "origin", "metric", *ENDS, "n_images", "n_seeds"),
]


@dataclass(frozen=True)
class FirstStageRun:
    """One run of train_autoencoder: its config.json, and that of the diffusers folder that it made."""

    config: Mapping[str, Any]
    model: Mapping[str, Any]

    @classmethod
    def read(cls, config: Path, folder: Path) -> Self:
        """From the job's config.json and the folder."""
        return cls(files.read_json(config), files.read_json(folder / "config.json"))

    @property
    def key(self) -> tuple[str, str]:
        """Data set, model."""
        names = self.config["names"]
        return names["dataset"], names["model"]

    def words(self) -> dict[str, Any]:
        """What it is; the folder's own config tells, since one that is given need not be that of the params."""
        kind = KINDS[self.model["_class_name"]]
        return {
            "kind": kind,
            "f": 2 ** (len(self.model["block_out_channels"]) - 1),
            "latent_channels": self.model["latent_channels"],
            "codes": self.model["num_vq_embeddings"] if kind == "VQ" else 0,
            "origin": GIVEN if self.config["folder"] else TRAINED,
        }


def lines(metrics: Iterable[Line], runs: Iterable[FirstStageRun]) -> list[dict[str, Any]]:
    """The lines of autoencoder.csv: PSNR in dB, SSIM, share of the codes that held-out images need.

    `low`, `high`: 95 % over seeds; of one seed, over images. The share of codes has none of one seed, KL has no codes.

    Args:
        metrics: of train_autoencoder, all data sets, models and seeds.
        runs: the same ones.
    """
    words = {run.key: run.words() for run in runs}
    cells: dict[tuple[str, str, str], list[Line]] = {}
    for line in metrics:
        cells.setdefault((line["dataset"], line["model"], line["metric"]), []).append(line)
    return [
        {"dataset": dataset, "model": model, **words[dataset, model], "metric": metric}
        | over_runs([Estimate(*(line[end] for end in ENDS)) for line in seeds])
        | {"n_images": seeds[0]["n_images"], "n_seeds": len(seeds)}
        for (dataset, model, metric), seeds in cells.items()
    ]


def section(table: Sequence[Line], titles: Mapping[str, str]) -> str:
    """The end of Table 1's page: a line for each first stage; nothing where no latent family runs.

    Args:
        table: from `lines`.
        titles: of data sets and models.
    """
    if not table:
        return ""
    stages: dict[tuple[str, str], dict[str, Line]] = {}
    for line in table:
        stages.setdefault((line["dataset"], line["model"]), {})[line["metric"]] = line
    head = ("", "Kind", "f", "Codes", *(heading for heading, _, _ in METRICS.values()), "Images", "Seeds")
    rows = [
        (
            f"{titles[model]} on {titles[dataset]}",
            f"{first['kind']}, {first['origin']}",
            str(first["f"]),
            f"{first['codes']:,}" if first["codes"] else EMPTY,
            *(_figure(found.get(metric), metric) for metric in METRICS),
            f"{first['n_images']:,}",
            str(first["n_seeds"]),
        )
        for (dataset, model), found in stages.items()
        for first in [next(iter(found.values()))]
    ]
    told = (
        "Held-out test images, encoded and decoded again: what the samples of a latent family can look like at best. "
        "An image is f times as wide as its latents. [Brackets]: 95 % over the seeds; of one seed, over the images. "
        "The paper prints none of these figures.\n"
    )
    return f"\n## First stages of latent families\n\n{told}\n{markdown_table(head, rows)}"


def _figure(line: Line | None, metric: str) -> str:
    """A figure with its interval."""
    _, factor, style = METRICS[metric]
    return EMPTY if line is None else figure({end: factor * line[end] for end in ENDS}, style)
