"""All that an experiment has measured, in one frame of metrics, and every refinement in another: what tables are of."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any

import pandas as pd

from selfrefine.core import files, flat_maps
from selfrefine.core.errors import InputError
from selfrefine.core.names import FLAW, FLOOR, FORK
from selfrefine.report import known_autoencoders, paper_values, seed_statistics
from selfrefine.report.paper_values import PAPER_DATASETS
from selfrefine.report.seed_statistics import Judgement, main_lines

Rows = Mapping[str, Mapping[str, Mapping[str, Any]]]  # section -> row of params.yaml -> words about it

METRICS = [  # of the frame of metrics; `stage` is the input of make_tables that a line was read from
    *("stage", "dataset", "model", "mask", "pixels", "variant", "network", "metric", "seed"),
    *("value", "low", "high", "n_images", "n_reference", "n_features"),
]
STAGES = ("generation", "highlighter", "correlations", "maps", "readouts", "inpainting", "prompts", "round_trips")
FLAW_MAP = "mfam"
R = "r"  # of a map with the flaw map: the metric that correlations have in the frame
STATISTICS = ("mean", "std", "r_mfam", "r_first")  # columns of refreshes.csv that are printed
RUN = [  # of the frame of refinements
    *("dataset", "model", "variant", "seed", "map", "leaves", "n_maps", "n_empty", "n_flat"),
    *(f"map_{column}" for column in STATISTICS),
    *("slope_predicted", "r_first", "r_first_least"),
]
SCALES = ["dataset", "model", "variant", "seed", "network", "eps_scale", "fd_train", "fitted", "chosen", "n_images"]
STUDY = [
    *("study", "dataset", "model", "seed", "variant", "metric", "value", "low", "high"),
    *("n_images", "n_participants", "n_answers"),
]
OWN_ROWS = {FORK: "Base model at the fork", FLOOR: "Floor: real training images"}


@dataclass(frozen=True)
class Results:
    """What was measured and the words for it. Tables but 1, 4, 5, 6, maps, sweep are of each data set's main model.

    Args:
        metrics: columns METRICS, all stages, data sets, models and seeds.
        runs: of every refinement, from `runs`.
        autoencoders: of every autoencoder that was trained or given, from `known_autoencoders`.
        scales: columns SCALES, every scale of the noise that was tried, from choose_eps_scale.
        studies: columns STUDY, what people picked and what chance would give, from evaluate_study.
        paper: paper_values.csv.
        judgement: how differences are judged.
        rows: words about the selected rows (`config.job` of make_tables).
        select: what runs.
        experiment: its name.
        map_of: the variant whose maps are followed over the refreshes.
    """

    metrics: pd.DataFrame
    runs: pd.DataFrame
    autoencoders: pd.DataFrame
    scales: pd.DataFrame
    studies: pd.DataFrame
    paper: pd.DataFrame
    judgement: Judgement
    rows: Rows
    select: Mapping[str, Any]
    experiment: str
    map_of: str

    def of(self, stage: str) -> pd.DataFrame:
        """The metrics of one stage."""
        return self.metrics[self.metrics["stage"] == stage]

    def of_mains(self, table: pd.DataFrame) -> pd.DataFrame:
        """The lines of each data set's main model, of metrics, runs or a table."""
        return table[main_lines(table, self.mains)]

    @cached_property
    def compared(self) -> pd.DataFrame:
        """Every figure of generated images, all models: from `seed_statistics.compared`, with the scale of its row."""
        table = seed_statistics.compared(self.of("generation"), self.judgement, self.mains)
        return table.rename(columns={"variant": "row"}).assign(scale=self.scale)

    def published_fid(self, table: pd.DataFrame, *tables: str) -> Any:
        """The paper's FID beside each line of a table, by its `row` and the data set that its own stands for."""
        return paper_values.published_fid(self.paper, table["row"], self.stands_for(table), *tables)

    def stands_for(self, table: pd.DataFrame) -> "pd.Series[str]":
        """The paper's data set that the data set of each line is in the place of; "" for none."""
        places = {name: row.get("stands_for", "") for name, row in self.rows["datasets"].items()}
        return table["dataset"].map(places)

    def scale(self, table: pd.DataFrame, *, images: bool = True) -> list[str]:
        """Words on the size of what was measured, for each line: experiment, data, steps, images, seeds.

        Args:
            table: has the columns dataset and model.
            images: whether all rows of the table have the number of images of generated ones.
        """
        return [self._scales[dataset, model, images] for dataset, model in table[["dataset", "model"]].to_numpy()]

    @cached_property
    def mains(self) -> dict[str, str]:
        """Data set -> its main model, "" for none."""
        return {name: row["main_model"] for name, row in self.rows["datasets"].items()}

    @cached_property
    def titles(self) -> dict[str, str]:
        """Of data sets, models, variants, samplings, highlighters, masks, and of rows of ours."""
        return OWN_ROWS | {name: row["title"] for section in self.rows.values() for name, row in section.items()}

    @property
    def reference(self) -> str:
        """The title of the row that differences are taken to."""
        return self.titles[self.judgement.reference]

    @cached_property
    def _scales(self) -> dict[tuple[str, str, bool], str]:
        made = self.of("generation")  # a table alone may read none: then its seeds are those of what it reads
        sizes = (self.metrics if made.empty else made).groupby(["dataset", "model"], sort=False)
        table = sizes.agg(n_images=("n_images", "first"), n_seeds=("seed", "nunique")).reset_index()
        return {
            (dataset, model, images): self._words(dataset, model, n_images if images else 0, n_seeds)
            for dataset, model, n_images, n_seeds in table.itertuples(index=False)
            for images in (True, False)
        }

    def _words(self, dataset: str, model: str, n_images: int, n_seeds: int) -> str:
        data, network = self.rows["datasets"][dataset], self.rows["models"][model]
        place = f" in the place of the paper's {PAPER_DATASETS[data['stands_for']]}" if "stands_for" in data else ""
        phases = data.get("models", {}).get(model, {}).get("steps", ())
        steps = f"{' + '.join(f'{n:,}' for n in phases)} training steps, " if phases else ""
        number = f"{n_images:,} images in each row, " if n_images else ""
        return (
            f"Experiment {self.experiment}: {network['title']} on {data['title']}{place}, {steps}{number}"
            f"{n_seeds} seed{'s' if n_seeds > 1 else ''}"
        )


def read(inputs: Mapping[str, Any], *, judgement: Judgement, **words: Any) -> Results:
    """The results in the files of make_tables.

    Args:
        inputs: name of an input -> its paths.
        judgement: how differences are judged.
        words: the other arguments of `Results`.

    Raises:
        InputError: the primary network was not measured.
    """
    found = tidy(files.read_table(path).assign(stage=stage) for stage in STAGES for path in inputs[stage])
    networks = sorted(found.loc[found["stage"] == "generation", "network"].unique())
    if networks and judgement.primary_network not in networks:
        raise InputError(
            f"params.yaml: make_tables.primary_network is {judgement.primary_network!r}; "
            f"measured: {', '.join(networks)}"
        )
    configs, refreshes = map(files.read_config, inputs["refined"]), map(files.read_table, inputs["refreshes"])
    folders = [files.read_json(folder / "config.json") for folder in inputs["autoencoders"]]
    return Results(
        metrics=found,
        runs=runs(zip(configs, refreshes, strict=True)),
        autoencoders=known_autoencoders.lines(
            zip(map(files.read_config, inputs["autoencoder_configs"]), folders, strict=True)
        ),
        scales=_joined(inputs["scales"], SCALES),
        studies=_joined(inputs["studies"], STUDY),
        paper=files.read_table(inputs["paper"]),
        judgement=judgement,
        **words,
    )


def _joined(paths: Sequence[Path], columns: list[str]) -> pd.DataFrame:
    """Tables with these columns below each other; an empty one of none."""
    return pd.concat(map(files.read_table, paths))[columns] if paths else pd.DataFrame(columns=columns)


def tidy(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Tables with a column `stage` as one frame of columns METRICS.

    Those of correlations become lines of metric R, one for each other map than the flaw map.
    """
    found = [_with_the_flaw_map(table) if "one" in table else table for table in tables]
    return pd.concat([table.reindex(columns=METRICS).astype({"mask": object, "pixels": object}) for table in found])


def _with_the_flaw_map(correlations: pd.DataFrame) -> pd.DataFrame:
    """r of each other map with the flaw map, of a table of pairs."""
    pairs = correlations[(correlations["one"] == FLAW) | (correlations["other"] == FLAW)]
    other = pairs["other"].where(pairs["one"] == FLAW, pairs["one"])
    return pairs.rename(columns={"r": "value"}).assign(variant=other, metric=R)


def runs(read: Iterable[tuple[Mapping[str, Any], pd.DataFrame]]) -> pd.DataFrame:
    """A frame with a line for each refinement, of its config.json and refreshes.csv."""
    return pd.DataFrame([_run(config, refreshes) for config, refreshes in read], columns=RUN)


def _run(config: Mapping[str, Any], refreshes: pd.DataFrame) -> dict[str, Any]:
    """One refinement.

    Returns:
        Its names, `map`, `leaves` of its config without names, `n_maps`, of which `n_empty` are 0 and `n_flat` another
        number everywhere; `map_*`: means over refreshes; `slope_predicted`; `r_first`, `r_first_least`: mean and least
        r of the later maps with the first. NaN without a map, or where a constant map has no correlation.
    """
    means = {f"map_{column}": _mean(refreshes[column]) for column in STATISTICS}
    later = refreshes["r_first"][1:]
    empty, flat = flat_maps.counted(refreshes["mean"], refreshes["std"])
    return {
        **{name: config["names"][name] for name in ("dataset", "model", "variant", "seed")},
        "map": config["map"],
        "leaves": {leaf: value for leaf, value in config.items() if leaf != "names"},
        **{"n_maps": len(refreshes), "n_empty": empty, "n_flat": flat, **means},
        "slope_predicted": predicted_slope(config, refreshes),
        **{"r_first": _mean(later), "r_first_least": later.min(skipna=False)},
    }


def _mean(values: "pd.Series[float]") -> float:
    return fmean(values) if len(values) else math.nan


def predicted_slope(config: Mapping[str, Any], refreshes: pd.DataFrame) -> float:
    """What the forward process teaches: -lf x slope of the map used on the run's own mFAM (method 11.4).

    NaN for the forward processes that this does not hold for. A constant map has no correlation and the slope 0.
    """
    if config["forward"] not in ("none", "xt") or config["gamma"]:
        return math.nan
    if config["forward"] == "none":
        return 0.0
    slopes = refreshes["r_mfam"].fillna(0.0) * refreshes["std"] / refreshes["mfam_std"]
    return float(-config["forward_weight"] * _mean(slopes))
