"""Relations between the values of the params: sizes, numbers and switches that must fit each other."""

from collections.abc import Iterator

from selfrefine import config, references
from selfrefine.references import Params, Problem, Run


def relations(params: Params) -> Iterator[Problem]:
    """Values that do not fit each other; the selection must be right."""
    yield from references.rows(params)
    yield from references.compared(params)
    for run in references.runs(params):
        yield from _family(run)
        yield from _schedule(run)
        yield from _numbers(run)
        for variant in run.selected("variants"):
            yield from _refinement(Run(params, {**run.names, "variant": variant}))
        for mask in run.selected("masks"):
            yield from _inpainting(Run(params, {**run.names, "mask": mask}))
        for sampling in run.selected("samplings"):
            yield from _sampling(Run(params, {**run.names, "variant": sampling}))


# Family -> the leaf without which its network is another kind's, and its schedules.
BUILT_OF = {
    "ddpm": "block_out_channels",
    "improved_ddpm": "block_out_channels",
    "uvit": "patch_size",
    "ldm": "block_out_channels",
    "stable_diffusion": "block_out_channels",
}
SCHEDULES = {
    "ddpm": ("linear", "squaredcos_cap_v2"),
    "improved_ddpm": ("linear", "squaredcos_cap_v2"),
    "uvit": ("linear", "vp_sde"),
    "ldm": ("scaled_linear",),
    "stable_diffusion": ("scaled_linear",),
}


def _family(run: Run) -> Iterator[Problem]:
    """Leaves of one family in the row of another; then the network's own relations."""
    family, leaf = run.value("train_base", "family"), "learned_variance"
    learns = leaf in run.value("train_base", "diffusion")
    if learns != (family == "improved_ddpm"):
        told = f"belongs to the family improved_ddpm, not to {family}; delete it here" if learns else "is missing"
        yield run.place("train_base", "diffusion", leaf), told
    if (schedule := run.value("train_base", "diffusion", "schedule")) not in SCHEDULES[family]:
        told = f"is {schedule}; allowed with the family {family}: {', '.join(SCHEDULES[family])}"
        yield run.place("train_base", "diffusion", "schedule"), told
    if BUILT_OF[family] in run.value("train_base", "network"):
        yield from _uvit(run) if family == "uvit" else _unet(run)
    else:
        yield run.place("train_base", "network", BUILT_OF[family]), f"is missing; the family {family} is built of it"
    if family in config.LATENT_FAMILIES:
        yield from _latent(run)


def _latent(run: Run) -> Iterator[Problem]:
    """An autoencoder of the same images, trained and read as latents allow."""
    place, own = ("train_base", "network", "channels"), ("train_autoencoder", "network", "channels")
    if run.value(*own[:2])["channels"] != (channels := run.value(*place[:2])["channels"]):
        yield run.place(*own), f"differs from {'.'.join(map(str, run.place(*place)))}, which is {channels}"
    if run.value("train_base", "horizontal_flip"):
        yield run.place("train_base", "horizontal_flip"), "is true; allowed with latents: false"
    if run.value("train_base", "family") == "stable_diffusion" and run.value("train_autoencoder", "kind") != "kl":
        yield run.place("train_autoencoder", "kind"), "is vq; allowed with the family stable_diffusion: kl"
    if run.has_critic:
        told = f"runs {config.CRITIC}; latent models have no read-outs: leave it out of only.highlighters"
        yield ("models", run.names["model"], "only"), told
    if run.selected("masks"):
        yield ("models", run.names["model"], "only"), "runs masks; latent models do not inpaint: add masks: []"
    yield from run.at_most(("train_autoencoder", "n_images"), ("prepare_data", "max_images"))
    yield from run.at_most(("train_autoencoder", "warmup_steps"), ("train_autoencoder", "steps"))


def _unet(run: Run) -> Iterator[Problem]:
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
    times = len(channels) - 1
    if run.value("train_base", "family") in config.LATENT_FAMILIES:  # the autoencoder halves it, too
        times += len(run.value("train_autoencoder", "network")["block_out_channels"]) - 1
    if size % 2**times:
        told = f"is {size}; allowed: a multiple of {2**times}, as the network halves it {times} times"
        yield run.place("prepare_data", "size"), told


def _uvit(run: Run) -> Iterator[Problem]:
    """Patches and channels of U-ViT."""
    network, size = run.value("train_base", "network"), run.value("prepare_data", "size")
    if size % network["patch_size"]:
        told = f"is {network['patch_size']}; allowed: a divisor of the images' {size} px"
        yield run.place("train_base", "network", "patch_size"), told
    if network["dim"] % network["heads"]:
        told = f"is {network['dim']}; allowed: a multiple of heads, which is {network['heads']}"
        yield run.place("train_base", "network", "dim"), told
    timesteps = run.value("train_base", "diffusion", "timesteps")
    if run.value("train_base", "diffusion", "schedule") == "vp_sde" and timesteps != 1000:
        told = f"is {timesteps}; allowed with vp_sde: 1000, of which its times are shares"
        yield run.place("train_base", "diffusion", "timesteps"), told


def _schedule(run: Run) -> Iterator[Problem]:
    """Steps within other steps."""
    timesteps = ("train_base", "diffusion", "timesteps")
    yield from run.at_most(("train_base", "warmup_steps"), ("train_base", "steps"))
    yield from run.at_most(("generate_fakes", "map_steps"), timesteps)
    yield from run.at_most(("generate_samples", "steps"), timesteps)
    yield from _sampler(run)
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
    if not run.value("extract_features", "n_reference"):
        yield from run.at_most(("extract_features", "n_images"), ("prepare_data", "max_images"))
    yield from run.at_most(("make_figures", "n_images"), sampled)
    yield from run.at_most(("make_figures", "n_images"), ("prepare_data", "max_images"))
    yield from run.at_most(("evaluate_highlighter", "n_planted"), ("prepare_data", "max_images"))
    yield from _fakes(run)
    yield from run.at_most(("evaluate_maps", "n_images"), ("prepare_data", "max_images"))
    behind, explained = run.value("evaluate_maps", "map_images"), run.value("evaluate_maps", "n_images")
    if run.is_first and not explained:
        yield run.place("evaluate_maps", "n_images"), "is 0; allowed: more where maps are drawn, on the first data set"
    if 0 < explained < 2 * behind:
        told = f"is {explained}; allowed: at least twice shared.map_images, which is {behind}: two mFAMs are compared"
        yield run.place("evaluate_maps", "n_images"), told
    if run.has_critic:
        yield from run.at_most(("evaluate_readouts", "mechanism_images"), ("prepare_data", "max_images"))
        yield from run.at_most(("evaluate_readouts", "n_images"), ("prepare_data", "max_images"))
        yield from run.at_most(("evaluate_readouts", "n_images"), sampled)


def _fakes(run: Run) -> Iterator[Problem]:
    """Fakes of their own for each draw of a highlighter, and others for the evaluation of their maps."""
    names = run.selected("highlighters")
    draws = 1 + max(
        Run(run.params, {**run.names, "highlighter": name}).value("train_highlighter", "draw") for name in names
    )
    made, each = run.value("generate_fakes", "n_images"), run.value("train_highlighter", "n_fakes")
    explained = run.value("evaluate_maps", "n_images")
    if made < (needed := draws * each + explained):
        told = (
            f"is {made}; allowed: at least {needed}: shared.n_fakes, which is {each}, for each of {draws} draws, "
            f"and evaluate_maps.n_images, which is {explained}"
        )
        yield run.place("generate_fakes", "n_images"), told


def _sampling(run: Run) -> Iterator[Problem]:
    """Rows of `samplings`: the variants that they name must run, and a correction needs a map."""
    name = run.names["variant"]
    row = run.params["samplings"][name]
    for leaf in ("of", "map_of"):
        if leaf in row:
            yield from run.unselected(("samplings", name, leaf), [row[leaf]])
    correction = run.value("generate_samples", "correction")
    if correction != "none" and "map_of" not in row:
        yield ("samplings", name, "map_of"), f"is missing; the correction {correction} needs the variant of its map"
    if correction == "none" and "map_of" in row:
        yield ("samplings", name, "map_of"), "belongs to rows with a correction; delete it here"
    if correction != "none" and row.get("map_of") in run.params["variants"]:
        yield from _corrected(run, correction, row["map_of"])
    if correction == "none":
        twins = [other for other in _second_samplers(run) if run.params["samplings"][other]["of"] == row["of"]]
        if len(twins) > 1:
            yield ("select", "samplings"), f"has {' and '.join(twins)}, two other samplers of {row['of']}; delete one"
    yield from run.at_most(("generate_samples", "steps"), ("train_base", "diffusion", "timesteps"))
    yield from _sampler(run)


def _sampler(run: Run) -> Iterator[Problem]:
    """Euler's method needs the equation that it solves."""
    sampler, schedule = run.value("generate_samples", "sampler"), run.value("train_base", "diffusion", "schedule")
    if sampler in ("euler_ode", "euler_sde") and schedule != "vp_sde":
        told = f"is {sampler}; allowed where train_base.diffusion.schedule is {schedule}: ddim, ancestral"
        yield run.place("generate_samples", "sampler"), told


def _second_samplers(run: Run) -> list[str]:
    """Selected rows of `samplings` that correct nothing."""
    names = run.selected("samplings")
    runs = {name: Run(run.params, {**run.names, "variant": name}) for name in names}
    return [name for name, other in runs.items() if other.value("generate_samples", "correction") == "none"]


def _corrected(run: Run, correction: str, map_of: str) -> Iterator[Problem]:
    """What a correction is made of must be there: amplified noise, or keys and values scaled by the plain map."""
    of = Run(run.params, {**run.names, "variant": map_of})
    forward, reverse, projection = (of.value("train_refined", leaf) for leaf in ("forward", "reverse", "projection"))
    key = ("samplings", run.names["variant"], "map_of")
    if correction == "time_shift" and forward != "xt":
        yield key, f"is {map_of}, whose forward is {forward}; allowed with time_shift: a variant whose forward is xt"
    if correction != "time_shift" and (reverse == "none" or projection != "identity"):
        told = f"is {map_of}, whose reverse is {reverse} with the projection {projection}"
        yield key, f"{told}; allowed with {correction}: a variant with a reverse process and the projection identity"


def _inpainting(run: Run) -> Iterator[Problem]:
    """A model that inpaints: its masks, chain and images."""
    size, images = run.value("prepare_data", "size"), ("inpaint_images", "n_images")
    yield from run.at_most(("inpaint_images", "steps"), ("train_base", "diffusion", "timesteps"))
    yield from run.at_most(images, ("prepare_data", "max_images"))
    yield from run.at_most(("make_figures", "n_images"), images)
    if run.value("inpaint_images", "resolution") == "box256" and 256 % size:
        told = f"is box256; allowed where images are {size} px: native, since 256 is no multiple of it"
        yield run.place("inpaint_images", "resolution"), told


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
