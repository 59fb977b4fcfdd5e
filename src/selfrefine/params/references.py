"""References between the sections of the params: names that must exist, and run where they are compared."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from selfrefine.core.names import CRITIC, FEATURE_WEIGHTS, FLAW, GIVEN_WEIGHTS, RESERVED
from selfrefine.params import job_config
from selfrefine.params.words import nearest

Params = Mapping[str, Any]
Key = tuple[str | int, ...]
Problem = tuple[Key, str]  # where, and what is wrong there
NO_ROWS = (*RESERVED, "include")  # names of ours, and a word of DVC's and Snakemake's


def selection(params: Params) -> Iterator[Problem]:
    """Rows that are named and do not exist, and names that no row may have."""
    chosen: dict[Key, str] = {
        ("select", section): section for section in params["select"] if section in job_config.ROWS
    }
    chosen["make_summary", "processes"] = "variants"
    for rows in ("datasets", "models"):
        for name, row in params[rows].items():
            chosen |= {(rows, name, "only", section): section for section in row.get("only", {}) if section != "seeds"}
    for place, section in chosen.items():
        for name in _at(params, place):
            if name not in params[section]:
                yield place, f"names {name}, which is no row of {section}{nearest(name, params[section])}"
    for name, row in params["models"].items():
        if (other := row.get("in_place_of", name)) not in params["models"]:
            message = f"is {other}, which is no row of models{nearest(other, params['models'])}"
            yield ("models", name, "in_place_of"), message
    for section in job_config.ROWS:
        for name in params[section]:
            if name in NO_ROWS:
                yield (section, name), f"is a name of ours ({', '.join(NO_ROWS)}); choose another"
    for name in params["samplings"].keys() & params["variants"].keys():
        yield ("samplings", name), "is a row of variants, too; choose another name"


def _at(params: Params, place: Key) -> Any:
    """What stands there; nothing where it is missing, which is told elsewhere."""
    value: Any = params
    for part in place:
        value = value.get(part, {})
    return value


class Run:
    """The values of one data set and model, and where in the params each stands."""

    def __init__(self, params: Params, names: Mapping[str, str]) -> None:
        self.params, self.names = params, names

    def value(self, stage: str, *leaf: str) -> Any:
        """The leaf of a stage's config."""
        value = job_config.job(self.params, stage, self.names)
        for part in leaf:
            value = value[part]
        return value

    def place(self, stage: str, *leaf: str) -> Key:
        """The key of the row or section that the leaf comes from: the last row that holds it wins."""
        for section, wildcard in reversed(job_config.ROWS.items()):
            name = self.names.get(wildcard, "")
            value = self.params[section].get(name, {}).get(stage, {})
            for part in leaf:
                value = value.get(part) if isinstance(value, Mapping) else None
            if value is not None:
                return (section, name, stage, *leaf)
        return (job_config.section_of(stage, leaf[0]), *leaf)

    @property
    def has_critic(self) -> bool:
        """Whether read-outs of this run are evaluated."""
        return CRITIC in self.selected("highlighters")

    @property
    def is_first(self) -> bool:
        """Whether it is the run that the figures show: the first data set and model."""
        return self.names == {name: job_config.selected(self.params, f"{name}s")[0] for name in self.names}

    def selected(self, section: str) -> list[str]:
        """Rows of a section that run on this data set with this model."""
        return job_config.selected(self.params, section, self.names["dataset"], self.names["model"])

    def unselected(self, key: Key, names: Iterable[str]) -> Iterator[Problem]:
        """A problem for each of the names that is no variant of this run."""
        selected = self.selected("variants")
        narrowed = [
            f"{rows}.{self.names[wildcard]}.only.variants"
            for rows, wildcard in (("datasets", "dataset"), ("models", "model"))
            if "variants" in self.params[rows][self.names[wildcard]].get("only", {})
        ]
        where = ("both " if narrowed else "") + " and ".join(["select.variants", *narrowed])
        for name in names:
            if name not in selected:
                yield key, f"names {name}, which is not in {where}{nearest(name, selected)}"

    def at_most(self, small: tuple[str, ...], large: tuple[str, ...]) -> Iterator[Problem]:
        """A problem unless the leaf `small` is at most the leaf `large`."""
        value, limit = self.value(*small), self.value(*large)
        if value > limit:
            yield (
                self.place(*small),
                f"is {value}; allowed: at most {'.'.join(map(str, self.place(*large)))}, which is {limit}",
            )


def rows(params: Params) -> Iterator[Problem]:
    """Rows that no stage could use; the selection must be right."""
    for name in params["datasets"]:
        prepared = job_config.job(params, "prepare_data", {"dataset": name})
        if "source" not in prepared and "folder" not in prepared:
            yield ("datasets", name, "prepare_data"), "names no images; allowed: one of source and folder"
        elif (source := prepared.get("source")) not in (None, *params["sources"]):
            message = f"is {source}, which is no row of sources{nearest(source, params['sources'])}"
            yield ("datasets", name, "prepare_data", "source"), message
    for dataset, model in itertools.product(params["datasets"], params["models"]):
        run = Run(params, {"dataset": dataset, "model": model})
        if (encoder := run.value("encode_captions", "text_encoder")) not in params["text_encoders"]:
            message = f"is {encoder}, which is no row of text_encoders{nearest(encoder, params['text_encoders'])}"
            yield run.place("encode_captions", "text_encoder"), message
    for name, row in params["variants"].items():
        if "steps" in row.get("train_refined", {}):
            message = "is not a variant's own: phase lengths belong to the rows of models, equal for all variants"
            yield ("variants", name, "train_refined", "steps"), message


def runs(params: Params) -> Iterator[Run]:
    """Every selected data set with every model that runs on it."""
    for dataset in job_config.selected(params, "datasets"):
        for model in job_config.selected(params, "models", dataset):
            yield Run(params, {"dataset": dataset, "model": model})


def compared(params: Params) -> Iterator[Problem]:
    """What is compared must run, wherever it is compared, and the first feature space must be measured."""
    tables = params["make_tables"]
    yield from _half_differences(params)
    yield from _main_models(params)
    for run in runs(params):
        if run.is_first:
            for index, contrast in enumerate(tables["confirmatory"]):
                yield from run.unselected(("make_tables", "confirmatory", index), contrast[:2])
        yield from run.unselected(("shared", "reference"), [params["shared"]["reference"]])
        model = run.names["model"]
        yield from run.unselected(("models", model, "self_refining"), [params["models"][model]["self_refining"]])
        if FLAW not in run.selected("highlighters"):
            where = " with ".join(run.names.values())
            yield ("select", "highlighters"), f"lacks {FLAW}, which every refinement needs; on {where}"
        if run.has_critic:
            yield from run.unselected(("shared", "map_of"), [params["shared"]["map_of"]])
        networks = run.value("extract_features", "networks")
        for stage in ("extract_features", *(["evaluate_inpainting"] if run.selected("masks") else [])):
            for network in run.value(stage, "networks"):
                if (needed := FEATURE_WEIGHTS[network]) not in params["weights"]:
                    message = f"names {network}, whose weights, {needed}, are no row of weights"
                    where = (
                        "docs/change.md says how to give them"
                        if needed in GIVEN_WEIGHTS
                        else "experiments/paper.yaml has it"
                    )
                    yield run.place(stage, "networks"), f"{message}; {where}"
        if (primary := tables["primary_network"]) not in networks:
            message = f"is {primary}, which is not in extract_features.networks{nearest(primary, networks)}"
            yield ("make_tables", "primary_network"), message


def _half_differences(params: Params) -> Iterator[Problem]:
    """Half a difference is of two arms; one to the reference is told whole, and no two rows are judged twice."""
    reference, seen = params["shared"]["reference"], set[tuple[str, ...]]()
    for index, contrast in enumerate(params["make_tables"]["confirmatory"]):
        key, rows = ("make_tables", "confirmatory", index), tuple(contrast[:2])
        if len(contrast) > len(rows) and reference in rows:
            yield key, f"is half the difference to {reference}; half is of two arms that differ in the sign of a map"
        if rows in seen or rows[::-1] in seen:
            yield key, f"judges {' and '.join(rows)} a second time; list them once, whole or half"
        seen.add(rows)


def _main_models(params: Params) -> Iterator[Problem]:
    """Figures need the first model on the first data set; every other needs a place in some table."""
    first, datasets = params["select"]["models"][0], job_config.selected(params, "datasets")
    if not datasets:
        message = (
            f"has {', '.join(params['select']['models'])}, which no selected data set runs; see datasets.*.only.models"
        )
        yield ("select", "models"), message
        return
    dataset, *others = datasets
    if first not in job_config.selected(params, "models", dataset):
        yield (
            ("datasets", dataset, "only", "models"),
            f"lacks {first}, the first of select.models; add it, or put another first",
        )
    for other in others:
        places = {params["datasets"][name].get("stands_for") for name in (dataset, other)}
        models = job_config.selected(params, "models", other)
        if any(job_config.is_prompted(params, other, model) for model in models):  # Table 4 is of all these
            continue
        if job_config.main_model(params, other) is None and (len(places) > 1 or None in places):
            message = (
                f"lacks {first}, the first of select.models; add it or a model that is in_place_of it, "
                f"unless the data set stands for the same as {dataset} or one of {', '.join(models)} takes prompts"
            )
            yield ("datasets", other, "only", "models"), message
