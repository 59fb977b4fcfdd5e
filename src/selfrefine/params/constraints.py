"""Relations between the values of the params: sizes, numbers and switches that must fit each other."""

from collections.abc import Iterator

from selfrefine.core.names import BEST, FORK
from selfrefine.params import family_constraints, highlighter_constraints, job_config, references, rival_constraints
from selfrefine.params.references import Params, Problem, Run
from selfrefine.params.words import nearest

SHUFFLED = "label_shuffled"  # the map of the highlighter of that name
LEAST_IMAGES = 3  # of a kernel distance, whose jackknife divides by n - 2


def relations(params: Params) -> Iterator[Problem]:
    """Values that do not fit each other; the selection must be right."""
    yield from references.rows(params)
    yield from references.compared(params)
    for run in references.runs(params):
        yield from family_constraints.family(run)
        yield from _schedule(run)
        yield from _colours(run)
        yield from _numbers(run)
        yield from highlighter_constraints.highlighters(run)
        yield from rival_constraints.of_clean_images(run)
        for variant in run.selected("variants"):
            row = Run(params, {**run.names, "variant": variant})
            yield from _refinement(row)
            yield from rival_constraints.own_samples(row)
        for mask in run.selected("masks"):
            yield from _inpainting(Run(params, {**run.names, "mask": mask}))
        yield from _scales(run)
        yield from rival_constraints.no_guide(run)
        for sampling in run.selected("samplings"):
            yield from _sampling(Run(params, {**run.names, "variant": sampling}))


def _schedule(run: Run) -> Iterator[Problem]:
    """Steps within other steps."""
    timesteps = ("train_base", "diffusion", "timesteps")
    yield from run.at_most(("train_base", "warmup_steps"), ("train_base", "steps"))
    parts, batch = run.value("train_base", "gradient_accumulation"), run.value("train_base", "batch_size")
    if batch % parts:
        message = f"is {parts}; allowed: a divisor of {'.'.join(map(str, run.place('train_base', 'batch_size')))}"
        yield run.place("train_base", "gradient_accumulation"), f"{message}, which is {batch}"
    yield from run.at_most(("generate_fakes", "map_steps"), timesteps)
    yield from run.at_most(("generate_samples", "steps"), timesteps)
    yield from _sampler(run)
    yield from run.at_most(("train_highlighter", "validate_every"), ("train_highlighter", "steps"))
    last = ("evaluate_readouts", "last_timestep")
    yield from run.at_most(("evaluate_readouts", "first_timestep"), last)
    if run.value(*last) >= run.value(*timesteps):
        limit = f"{'.'.join(map(str, run.place(*timesteps)))}, which is {run.value(*timesteps)}"
        yield run.place(*last), f"is {run.value(*last)}; allowed: less than {limit}"


def _colours(run: Run) -> Iterator[Problem]:
    """Photographs of a folder as grey as the network that learns from them."""
    prepared, network = run.value("prepare_data"), ("train_base", "network", "channels")
    if "folder" in prepared and prepared["channels"] != (channels := run.value(*network[:2])["channels"]):
        place = ".".join(map(str, run.place(*network)))
        yield run.place("prepare_data", "channels"), f"differs from {place}, which is {channels}"


def _numbers(run: Run) -> Iterator[Problem]:
    """Images within other images."""
    sampled = ("generate_samples", "n_images")
    yield from run.at_most(("extract_features", "n_images"), sampled)
    if not run.value("extract_features", "n_reference"):
        yield from run.at_most(("extract_features", "n_images"), ("prepare_data", "max_images"))
    yield from run.at_most(("make_figures", "n_images"), sampled)
    yield from run.at_most(("make_figures", "n_images"), ("prepare_data", "max_images"))
    neighbours, measured = run.value("evaluate_generation", "neighbours"), run.value("extract_features", "n_images")
    if measured < max(LEAST_IMAGES, neighbours + 1):
        message = (
            f"is {measured}; allowed: {LEAST_IMAGES} or more, and more than evaluate_generation.neighbours, "
            f"which is {neighbours}"
        )
        yield run.place("extract_features", "n_images"), message
    yield from run.at_most(("evaluate_maps", "n_images"), ("prepare_data", "max_images"))
    behind, explained = run.value("evaluate_maps", "map_images"), run.value("evaluate_maps", "n_images")
    if run.is_first and not explained:
        yield run.place("evaluate_maps", "n_images"), "is 0; allowed: more where maps are drawn, on the first data set"
    if 0 < explained < 2 * behind:
        message = (
            f"is {explained}; allowed: at least twice shared.map_images, which is {behind}: two mFAMs are compared"
        )
        yield run.place("evaluate_maps", "n_images"), message
    if run.has_critic:
        yield from run.at_most(("evaluate_readouts", "mechanism_images"), ("prepare_data", "max_images"))
        yield from run.at_most(("evaluate_readouts", "n_images"), ("prepare_data", "max_images"))
        yield from run.at_most(("evaluate_readouts", "n_images"), sampled)


def _sampling(run: Run) -> Iterator[Problem]:
    """Rows of `samplings`: the variants that they name must run, and a correction needs a map."""
    name = run.names["variant"]
    row = run.params["samplings"][name]
    for leaf in ("of", "map_of"):
        if leaf in row and (leaf, row[leaf]) != ("of", FORK):  # the base model always runs
            yield from run.unselected(("samplings", name, leaf), [row[leaf]])
    correction = run.value("generate_samples", "correction")
    if correction != "none" and "map_of" not in row:
        yield ("samplings", name, "map_of"), f"is missing; the correction {correction} needs the variant of its map"
    if correction == "none" and "map_of" in row:
        yield ("samplings", name, "map_of"), "belongs to rows with a correction; delete it here"
    if correction != "none" and row.get("map_of") in run.params["variants"]:
        yield from _corrected(run, correction, row["map_of"])
    yield from rival_constraints.guided(run)
    yield from rival_constraints.discriminated(run)
    scale = job_config.own_scale(run.params, name)
    if correction == "none" and scale is None and not rival_constraints.is_guided(run):
        twins = [other for other in _second_samplers(run) if run.params["samplings"][other]["of"] == row["of"]]
        if len(twins) > 1:
            yield ("select", "samplings"), f"has {' and '.join(twins)}, two other samplers of {row['of']}; delete one"
    if scale is not None:
        yield from _scaled(run, scale)
    yield from run.at_most(("generate_samples", "steps"), ("train_base", "diffusion", "timesteps"))
    yield from _sampler(run)


def _sampler(run: Run) -> Iterator[Problem]:
    """Euler's method needs the equation that it solves."""
    sampler, schedule = run.value("generate_samples", "sampler"), run.value("train_base", "diffusion", "schedule")
    if sampler in ("euler_ode", "euler_sde") and schedule != "vp_sde":
        message = (
            f"is {sampler}; allowed where train_base.diffusion.schedule is {schedule}: ddim, ddim_eta_1, ancestral"
        )
        yield run.place("generate_samples", "sampler"), message


def _second_samplers(run: Run) -> list[str]:
    """Selected rows of `samplings` that correct, scale and guide nothing."""
    names = [name for name in run.selected("samplings") if job_config.own_scale(run.params, name) is None]
    runs = {name: Run(run.params, {**run.names, "variant": name}) for name in names}
    plain = {name: other for name, other in runs.items() if not rival_constraints.is_guided(other)}
    return [name for name, other in plain.items() if other.value("generate_samples", "correction") == "none"]


def _scales(run: Run) -> Iterator[Problem]:
    """The best scale of the noise is of rows of `samplings`, and is held against no scaling at all."""
    if run.value("generate_samples", "eps_scale") == BEST:
        message = f"is {BEST}; allowed: a number; a row of samplings may have {BEST}"
        yield run.place("generate_samples", "eps_scale"), message
    for name in job_config.with_best_scale(run.params, run.names["dataset"], run.names["model"]):
        row = Run(run.params, {**run.names, "variant": name})
        if 1.0 not in (scales := row.value("choose_eps_scale", "scales")):
            yield (
                row.place("choose_eps_scale", "scales"),
                f"is {scales}; allowed: 1.0 among them, which changes nothing",
            )


def _scaled(run: Run, scale: float | str) -> Iterator[Problem]:
    """A row with a scale of the noise of its own differs from its variant in that alone; best ones have their own
    reference.
    """
    name = run.names["variant"]
    for leaf in run.params["samplings"][name]["generate_samples"].keys() - {"eps_scale"}:
        message = "stands beside eps_scale, and the row would differ from its variant in both; delete one"
        yield ("samplings", name, "generate_samples", leaf), message
    if scale == BEST:
        rows = job_config.with_best_scale(run.params, run.names["dataset"], run.names["model"])
        of = [run.params["samplings"][other]["of"] for other in rows]
        if of.count(mine := run.params["samplings"][name]["of"]) > 1:
            yield ("select", "samplings"), f"has two rows with the best scale of {mine}; delete one"
        if (reference := run.params["shared"]["reference"]) not in of:
            message = f"lacks a row with eps_scale {BEST} of {reference}, which {name} is compared with; add it"
            yield ("select", "samplings"), message


def _corrected(run: Run, correction: str, map_of: str) -> Iterator[Problem]:
    """What a correction is made of must be there: amplified noise, or keys and values scaled by the plain map."""
    of = Run(run.params, {**run.names, "variant": map_of})
    forward, reverse, projection = (of.value("train_refined", leaf) for leaf in ("forward", "reverse", "projection"))
    key = ("samplings", run.names["variant"], "map_of")
    if correction == "time_shift" and forward != "xt":
        yield key, f"is {map_of}, whose forward is {forward}; allowed with time_shift: a variant whose forward is xt"
    if correction != "time_shift" and (reverse == "none" or projection != "identity"):
        message = f"is {map_of}, whose reverse is {reverse} with the projection {projection}"
        yield key, f"{message}; allowed with {correction}: a variant with a reverse process and the projection identity"


def _inpainting(run: Run) -> Iterator[Problem]:
    """A model that inpaints: its masks, chain and images."""
    size, images = run.value("prepare_data", "size"), ("inpaint_images", "n_images")
    yield from run.at_most(("inpaint_images", "steps"), ("train_base", "diffusion", "timesteps"))
    yield from run.at_most(images, ("prepare_data", "max_images"))
    yield from run.at_most(("make_figures", "n_images"), images)
    if run.value("inpaint_images", "resolution") == "box256" and 256 % size:
        message = f"is box256; allowed where images are {size} px: native, since 256 is no multiple of it"
        yield run.place("inpaint_images", "resolution"), message


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
    if some_map not in run.params["highlighters"] and some_map == SHUFFLED:
        message = f"is {some_map}; allowed: another map, or a row {some_map} of highlighters"
        message += nearest("", run.params["highlighters"])
        yield run.place("train_refined", "map"), message
    levels = run.value("train_base", "network").get("attention")
    if reverse != "none" and run.value("train_refined", "layers") == "no_mid" and levels and not any(levels):
        message = "is no_mid; allowed: all where no level in train_base.network.attention attends"
        yield run.place("train_refined", "layers"), message
    for leaf, plain in (("projection", "identity"), ("layers", "all")):
        value = run.value("train_refined", leaf)
        if reverse == "none" and value != plain:
            yield run.place("train_refined", leaf), f"is {value}; allowed: {plain} where reverse is none"
