"""The first stages of latent families: how well each reproduces held-out images.

Nothing that a network on latents makes is sharper than what the decoder gives back (method 5.1, LDM).
"""

import pandas as pd

from selfrefine.report import markdown
from selfrefine.report.markdown import EMPTY
from selfrefine.report.results import Results
from selfrefine.report.seed_statistics import FIGURE, over_seeds

METRICS = {  # metric of train_autoencoder -> (heading, factor, format)
    "psnr": ("PSNR, dB", 1.0, ".2f"),
    "ssim": ("SSIM", 1.0, ".4f"),
    "codes_used": ("Codes used, %", 100.0, ".1f"),
}
PLACE = ["dataset", "model"]
COLUMNS = [  # of autoencoder.csv
    *(*PLACE, "kind", "f", "latent_channels", "codes", "origin", "metric", *FIGURE, "n_images", "n_seeds"),
]
READ = (
    "Held-out test images, encoded and decoded again: what the samples of a latent family can look like at best. "
    "An image is f times as wide as its latents. [Brackets]: 95 % over the seeds; of one seed, over the images. "
    "The paper prints none of these figures.\n"
)


def lines(results: Results) -> pd.DataFrame:
    """The lines of autoencoder.csv: PSNR in dB, SSIM, share of the codes that held-out images need.

    `low`, `high`: 95 % over seeds; of one seed, over images. The share of codes has none of one seed, KL has no codes.
    """
    table = over_seeds(results.of("round_trips"), [*PLACE, "metric"])
    return table.merge(results.autoencoders.drop_duplicates(PLACE), on=PLACE, how="left")[COLUMNS]


def section(table: pd.DataFrame, titles: dict[str, str]) -> str:
    """The end of Table 1's page: a line for each first stage; nothing where no latent family runs.

    Args:
        table: from `lines`.
        titles: of data sets and models.
    """
    if table.empty:
        return ""
    table = table.assign(row=table["model"].map(titles) + " on " + table["dataset"].map(titles))
    first = table.drop_duplicates("row")
    rows, figures = markdown.wide(table, METRICS)
    columns: markdown.Columns = {
        "": rows,
        "Kind": first["kind"] + ", " + first["origin"],
        "f": first["f"].astype(str),
        "Codes": [f"{codes:,}" if codes else EMPTY for codes in first["codes"]],
        **figures,
        "Images": [f"{n:,}" for n in first["n_images"]],
        "Seeds": first["n_seeds"].astype(str),
    }
    return f"\n## First stages of latent families\n\n{READ}\n{markdown.columns_table(columns)}"
