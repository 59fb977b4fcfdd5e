"""Which rows the figures show, and the words for them: titles, scales, captions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Shown:
    """Words about what is selected (`config.job` of make_figures).

    Args:
        experiment: its name.
        select: section -> what runs.
        rows: section -> row -> its title, and what else figures say of it.
        reference: the variant that others are compared with.
    """

    experiment: str
    select: Mapping[str, Any]
    rows: Mapping[str, Mapping[str, Mapping[str, Any]]]
    reference: str

    @property
    def first(self) -> str:
        """The first data set."""
        return str(self.select["datasets"][0])

    def title(self, dataset: str) -> str:
        """Of a data set, and of its main model where the caption does not name it."""
        row = self.rows["datasets"][dataset]
        model, title = row["main_model"], str(row["title"])
        return title if model == self.select["models"][0] else f"{title}, {self.rows['models'][model]['title']}"

    def variants(self, dataset: str) -> list[str]:
        """Titles of the variants that run on a data set, of its main model."""
        return [self.rows["variants"][row]["title"] for row in self._main_run(dataset)["variants"]]

    def with_main_model(self) -> dict[str, str]:
        """Data set that has a main model -> its title."""
        data = self.rows["datasets"]
        return {name: self.title(name) for name in self.select["datasets"] if data[name]["main_model"]}

    def two_rows(self, model: str) -> list[str]:
        """Titles of a model's reference and of its self-refining row."""
        return [
            self.rows["variants"][row]["title"] for row in (self.reference, self.rows["models"][model]["self_refining"])
        ]

    def families(self) -> list[str]:
        """The models that have a place in Table 1, in the order of `select`."""
        return [model for model in self.select["models"] if self.rows["models"][model]["home"]]

    def first_with(self, kind: str) -> tuple[str, str]:
        """The first data set and model whose run has something of a kind: `prompted`, `masks`."""
        return next(
            (dataset, model)
            for dataset in self.select["datasets"]
            for model in self.select["models"]
            if self.rows["datasets"][dataset]["models"].get(model, {}).get(kind)
        )

    def scale(self, title: str = "") -> str:
        """Experiment, model (the first, or what the title says) and seed."""
        title = title or self.rows["models"][self.select["models"][0]]["title"]
        return f"Experiment {self.experiment}: {title}, seed {self.select['seeds'][0]}."

    def scale_of(self, dataset: str, model: str) -> str:
        """Experiment, model, data set and seed."""
        return self.scale(f"{self.rows['models'][model]['title']} on {self.rows['datasets'][dataset]['title']}")

    def family(self, model: str) -> str:
        """A model's title, its data and the steps of both phases."""
        row = self.rows["models"][model]
        data = self.rows["datasets"][row["home"]]
        base, refined = data["models"][model]["steps"]
        return f"{row['title']}: {_data(data['title'], data['size'])}, {base} + {refined} steps"

    def run(self) -> str:
        """Experiment and seed."""
        return f"Experiment {self.experiment}, seed {self.select['seeds'][0]}."

    def caption(self, dataset: str, size: int) -> str:
        """Scale and seed, for under a figure of one data set at a size in px."""
        base, refined = self._main_run(dataset)["steps"]
        data = _data(self.rows["datasets"][dataset]["title"], size)
        return f"{self.scale()} {data}, {base} + {refined} steps."

    def _main_run(self, dataset: str) -> Mapping[str, Any]:
        """Steps and rows of a data set's main model."""
        data = self.rows["datasets"][dataset]
        found: Mapping[str, Any] = data["models"][data["main_model"]]
        return found


def _data(title: str, size: int) -> str:
    """A data set and its size, unless its title tells it."""
    return title if f"{size} px" in title else f"{title} at {size} px"
