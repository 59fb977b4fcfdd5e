"""References between the sections of the params: names that must exist, sizes that must fit each other."""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from itertools import product
from pathlib import Path
from typing import Any

from selfrefine import config

Params = Mapping[str, Any]
Key = tuple[str | int, ...]
Problem = tuple[Key, str]  # where, and what is wrong there


def nearest(name: object, known: Iterable[str]) -> str:
    """The end of a line about an unknown name: the nearest known one and all of them."""
    names = list(known)
    meant = "".join(f"did you mean {close}? " for close in get_close_matches(str(name), names, n=1))
    return f"; {meant}known: {', '.join(names)}"


def selection(params: Params) -> Iterator[Problem]:
    """Rows that are named and do not exist, and names that no row may have."""
    chosen: dict[Key, str] = {("select", section): section for section in params["select"] if section in config.ROWS}
    for dataset, row in params["datasets"].items():
        chosen |= {("datasets", dataset, "only", section): section for section in row.get("only", {})}
    for place, section in chosen.items():
        for name in _at(params, place):
            if name not in params[section]:
                yield place, f"names {name}, which is no row of {section}{nearest(name, params[section])}"
    for section in ("variants", "samplings"):
        for name in params[section]:
            if name in config.RESERVED:
                yield (section, name), f"is a name of ours ({', '.join(config.RESERVED)}); choose another"
    for name in params["samplings"].keys() & params["variants"].keys():
        yield ("samplings", name), "is a row of variants, too; choose another name"


def _at(params: Params, place: Key) -> Any:
    value: Any = params
    for part in place:
        value = value[part]
    return value


def relations(params: Params) -> Iterator[Problem]:
    """Values that do not fit each other; the selection must be right."""
    yield from _rows(params)
    yield from _variants(params)
    for dataset, model in product(params["select"]["datasets"], params["select"]["models"]):
        run = Run(params, {"dataset": dataset, "model": model})
        yield from _network(run)
        yield from _schedule(run)
        yield from _numbers(run)
        for variant in config.selected(params, "variants", dataset):
            yield from _refinement(Run(params, {**run.names, "variant": variant}))
        for sampling in config.selected(params, "samplings", dataset):
            yield from _sampling(Run(params, {**run.names, "variant": sampling}))


class Run:
    """The values of one data set and model, and where in the params each stands."""

    def __init__(self, params: Params, names: Mapping[str, str]) -> None:
        self.params, self.names = params, names

    def value(self, stage: str, *leaf: str) -> Any:
        """The leaf of a stage's config."""
        value = config.job(self.params, stage, self.names)
        for part in leaf:
            value = value[part]
        return value

    def place(self, stage: str, *leaf: str) -> Key:
        """The key of the row or section that the leaf comes from: the last row that holds it wins."""
        for section, wildcard in reversed(config.ROWS.items()):
            name = self.names.get(wildcard, "")
            value = self.params[section].get(name, {}).get(stage, {})
            for part in leaf:
                value = value.get(part) if isinstance(value, Mapping) else None
            if value is not None:
                return (section, name, stage, *leaf)
        return ("shared" if stage in config.SHARED.get(leaf[0], ()) else stage, *leaf)

    @property
    def has_critic(self) -> bool:
        """Whether maps and read-outs of this data set are evaluated."""
        return config.CRITIC in config.selected(self.params, "highlighters", self.names["dataset"])

    def at_most(self, small: tuple[str, ...], large: tuple[str, ...]) -> Iterator[Problem]:
        """A problem unless the leaf `small` is at most the leaf `large`."""
        value, limit = self.value(*small), self.value(*large)
        if value > limit:
            yield (
                self.place(*small),
                f"is {value}; allowed: at most {'.'.join(map(str, self.place(*large)))}, which is {limit}",
            )


def _rows(params: Params) -> Iterator[Problem]:
    for name in params["datasets"]:
        prepared = config.job(params, "prepare_data", {"dataset": name})
        if "source" not in prepared and "folder" not in prepared:
            yield ("datasets", name, "prepare_data"), "names no images; allowed: one of source and folder"
        elif (source := prepared.get("source")) not in (None, *params["sources"]):
            told = f"is {source}, which is no row of sources{nearest(source, params['sources'])}"
            yield ("datasets", name, "prepare_data", "source"), told
    for name, row in params["variants"].items():
        if "steps" in row.get("train_refined", {}):
            told = "is not a variant's own: phase lengths belong to the rows of models, equal for all variants"
            yield ("variants", name, "train_refined", "steps"), told


def folders(params: Params, root: Path) -> Iterator[Problem]:
    """Folders of images that are selected and not there."""
    for name in params["select"]["datasets"]:
        run = Run(params, {"dataset": name})
        folder = config.job(params, "prepare_data", run.names).get("folder")
        if folder is not None and not (root / folder).is_dir():
            told = f"is {folder}, which is no folder; put your images there, or name the folder that holds them"
            yield run.place("prepare_data", "folder"), told


def _variants(params: Params) -> Iterator[Problem]:
    """What is compared must run, wherever it is compared, and the first feature space must be measured."""
    tables = params["make_tables"]
    for index, contrast in enumerate(tables["confirmatory"]):
        yield from _unselected(params, ("make_tables", "confirmatory", index), contrast)
    for dataset in params["select"]["datasets"]:
        yield from _unselected(params, ("shared", "reference"), [params["shared"]["reference"]], dataset)
        if config.FLAW not in config.selected(params, "highlighters", dataset):
            yield ("select", "highlighters"), f"lacks {config.FLAW}, which every refinement needs; on {dataset}"
        if config.CRITIC in config.selected(params, "highlighters", dataset):
            yield from _unselected(params, ("shared", "map_of"), [params["shared"]["map_of"]], dataset)
        networks = Run(params, {"dataset": dataset}).value("extract_features", "networks")
        if (primary := tables["primary_network"]) not in networks:
            told = f"is {primary}, which is not in extract_features.networks{nearest(primary, networks)}"
            yield ("make_tables", "primary_network"), told


def _unselected(params: Params, key: Key, names: Iterable[str], dataset: str | None = None) -> Iterator[Problem]:
    selected = config.selected(params, "variants", dataset)
    where = "select.variants"
    if len(selected) < len(params["select"]["variants"]):
        where = f"both select.variants and datasets.{dataset}.only.variants"
    for name in names:
        if name not in selected:
            yield key, f"names {name}, which is not in {where}{nearest(name, selected)}"


def _network(run: Run) -> Iterator[Problem]:
    """Channels, levels and pixels of the U-Net."""
    network, size = run.value("train_base", "network"), run.value("prepare_data", "size")
    channels, attention, groups = network["block_out_channels"], network["attention"], network["norm_num_groups"]
    head, place = network["attention_head_dim"], run.place("train_base", "network", "block_out_channels")
    if len(attention) != len(channels):
        told = (
            f"has {len(attention)} entries; allowed: one for each of the {len(channels)} entries of block_out_channels"
        )
        yield run.place("train_base", "network", "attention"), told
    if any(width % groups for width in channels):
        yield place, f"is {channels}; allowed: multiples of norm_num_groups, which is {groups}"
    # The middle block attends at the last level's width.
    attentive = [width for width, flag in zip(channels, [*attention[:-1], True], strict=True) if flag]
    if any(width % head for width in attentive):
        yield (
            place,
            f"is {channels}; allowed: multiples of attention_head_dim, which is {head}, where there is attention",
        )
    if size % 2 ** (len(channels) - 1):
        times = len(channels) - 1
        told = f"is {size}; allowed: a multiple of {2**times}, as the network halves it {times} times"
        yield run.place("prepare_data", "size"), told


def _schedule(run: Run) -> Iterator[Problem]:
    """Steps within other steps."""
    timesteps = ("train_base", "diffusion", "timesteps")
    yield from run.at_most(("train_base", "warmup_steps"), ("train_base", "steps"))
    yield from run.at_most(("generate_fakes", "map_steps"), timesteps)
    yield from run.at_most(("generate_samples", "steps"), timesteps)
    yield from run.at_most(("train_highlighter", "validate_every"), ("train_highlighter", "steps"))
    last = ("evaluate_readouts", "last_timestep")
    yield from run.at_most(("evaluate_readouts", "first_timestep"), last)
    if run.value(*last) >= run.value(*timesteps):
        limit = f"{'.'.join(map(str, run.place(*timesteps)))}, which is {run.value(*timesteps)}"
        yield run.place(*last), f"is {run.value(*last)}; allowed: less than {limit}"


def _numbers(run: Run) -> Iterator[Problem]:
    """Images within other images."""
    sampled = ("generate_samples", "n_images")
    yield from run.at_most(("extract_features", "n_images"), sampled)
    yield from run.at_most(("extract_features", "n_images"), ("prepare_data", "max_images"))
    yield from run.at_most(("make_figures", "n_images"), sampled)
    yield from run.at_most(("make_figures", "n_images"), ("prepare_data", "max_images"))
    yield from run.at_most(("evaluate_highlighter", "n_planted"), ("prepare_data", "max_images"))
    yield from _fakes(run)
    if run.has_critic:
        yield from run.at_most(("evaluate_maps", "n_images"), ("prepare_data", "max_images"))
        yield from run.at_most(("evaluate_readouts", "mechanism_images"), ("prepare_data", "max_images"))
        yield from run.at_most(("evaluate_readouts", "n_images"), ("prepare_data", "max_images"))
        yield from run.at_most(("evaluate_readouts", "n_images"), sampled)


def _fakes(run: Run) -> Iterator[Problem]:
    """Fakes of their own for each draw of a highlighter, and others for the evaluation of their maps."""
    names = config.selected(run.params, "highlighters", run.names["dataset"])
    draws = 1 + max(
        Run(run.params, {**run.names, "highlighter": name}).value("train_highlighter", "draw") for name in names
    )
    made, each = run.value("generate_fakes", "n_images"), run.value("train_highlighter", "n_fakes")
    explained = run.value("evaluate_maps", "n_images") if run.has_critic else 0
    if made < (needed := draws * each + explained):
        told = f"is {made}; allowed: at least {needed}: shared.n_fakes, which is {each}, for each of {draws} draws"
        more = f", and evaluate_maps.n_images, which is {explained}" if explained else ""
        yield run.place("generate_fakes", "n_images"), f"{told}{more}"


def _sampling(run: Run) -> Iterator[Problem]:
    """Rows of `samplings`: the variants that they name must run, and a correction needs a map."""
    name = run.names["variant"]
    row = run.params["samplings"][name]
    for leaf in ("of", "map_of"):
        if leaf in row:
            yield from _unselected(run.params, ("samplings", name, leaf), [row[leaf]], run.names["dataset"])
    correction = run.value("generate_samples", "correction")
    if correction != "none" and "map_of" not in row:
        yield ("samplings", name, "map_of"), f"is missing; the correction {correction} needs the variant of its map"
    if correction == "none" and "map_of" in row:
        yield ("samplings", name, "map_of"), "belongs to rows with a correction; delete it here"
    yield from run.at_most(("generate_samples", "steps"), ("train_base", "diffusion", "timesteps"))


def _refinement(run: Run) -> Iterator[Problem]:
    """Switches of a variant that shut each other out."""
    forward, reverse, gamma, match, some_map, extra = (
        run.value("train_refined", leaf) for leaf in ("forward", "reverse", "gamma", "match", "map", "extra_steps")
    )
    if gamma and forward != "none":
        yield run.place("train_refined", "gamma"), f"is {gamma}; allowed: 0 where forward is {forward}, not none"
    if match and some_map in ("uniform", "centred_plus", "centred_minus"):
        yield run.place("train_refined", "match"), f"is true; allowed: false for {some_map}, whose strength is its own"
    if extra and (forward, reverse) != ("none", "none"):
        yield run.place("train_refined", "extra_steps"), f"is {extra}; allowed: 0 unless forward and reverse are none"
    for leaf, plain in (("projection", "identity"), ("layers", "all")):
        value = run.value("train_refined", leaf)
        if reverse == "none" and value != plain:
            yield run.place("train_refined", leaf), f"is {value}; allowed: {plain} where reverse is none"
