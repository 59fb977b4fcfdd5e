"""Relations between the values of a model family: its network, schedule, autoencoder and prompts."""

from collections.abc import Iterator

from selfrefine.core import names
from selfrefine.params import job_config
from selfrefine.params.references import Problem, Run

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


def family(run: Run) -> Iterator[Problem]:
    """Leaves of one family in the row of another; then the network's own relations."""
    family, leaf = run.value("train_base", "family"), "learned_variance"
    learns = leaf in run.value("train_base", "diffusion")
    if learns != (family == "improved_ddpm"):
        message = f"belongs to the family improved_ddpm, not to {family}; delete it here" if learns else "is missing"
        yield run.place("train_base", "diffusion", leaf), message
    if (schedule := run.value("train_base", "diffusion", "schedule")) not in SCHEDULES[family]:
        message = f"is {schedule}; allowed with the family {family}: {', '.join(SCHEDULES[family])}"
        yield run.place("train_base", "diffusion", "schedule"), message
    if BUILT_OF[family] in run.value("train_base", "network"):
        yield from _uvit(run) if family == "uvit" else _unet(run)
    else:
        yield run.place("train_base", "network", BUILT_OF[family]), f"is missing; the family {family} is built of it"
    if family in job_config.LATENT_FAMILIES:
        yield from _latent(run)
    yield from _prompts(run)


def _latent(run: Run) -> Iterator[Problem]:
    """An autoencoder of the same images, trained and read as latents allow."""
    place, own = ("train_base", "network", "channels"), ("train_autoencoder", "network", "channels")
    if run.value(*own[:2])["channels"] != (channels := run.value(*place[:2])["channels"]):
        yield run.place(*own), f"differs from {'.'.join(map(str, run.place(*place)))}, which is {channels}"
    widths, groups = run.value(*own[:2])["block_out_channels"], run.value(*own[:2])["norm_num_groups"]
    if any(width % groups for width in widths):
        message = f"is {widths}; allowed: multiples of norm_num_groups, which is {groups}"
        yield run.place(*own[:2], "block_out_channels"), message
    if run.value("train_base", "horizontal_flip"):
        yield run.place("train_base", "horizontal_flip"), "is true; allowed with latents: false"
    if run.value("train_base", "family") == "stable_diffusion" and run.value("train_autoencoder", "kind") != "kl":
        message = f"is vq; allowed with the family stable_diffusion of models.{run.names['model']}: kl"
        yield run.place("train_autoencoder", "kind"), message
    if run.has_critic:
        message = f"runs {names.CRITIC}; latent models have no read-outs: leave it out of only.highlighters"
        yield ("models", run.names["model"], "only"), message
    if run.selected("masks"):
        yield ("models", run.names["model"], "only"), "runs masks; latent models do not inpaint: add masks: []"
    yield from run.at_most(("train_autoencoder", "n_images"), ("prepare_data", "max_images"))
    yield from run.at_most(("train_autoencoder", "warmup_steps"), ("train_autoencoder", "steps"))


def _prompts(run: Run) -> Iterator[Problem]:
    """What only a family that takes prompts can do."""
    if job_config.is_prompted(run.params, run.names["dataset"], run.names["model"]):
        named = run.value("prepare_data").get("classes", [])
        if len(named) == 1 and not run.value("evaluate_prompts", "clip_folder"):
            message = (
                f"is {named}; allowed: 2 or more, or all, where a classifier tells them apart; see evaluate_prompts"
            )
            yield run.place("prepare_data", "classes"), message
        return
    for stage, leaf, only in (("generate_samples", "guidance_scale", 1.0), ("train_base", "caption_dropout", 0.0)):
        if (value := run.value(stage, leaf)) != only:
            message = (
                f"is {value}; allowed with the family {run.value('train_base', 'family')}, which has no prompts: {only}"
            )
            yield run.place(stage, leaf), message


def _unet(run: Run) -> Iterator[Problem]:
    """Channels, levels and pixels of the U-Net."""
    network, size = run.value("train_base", "network"), run.value("prepare_data", "size")
    channels, attention, groups = network["block_out_channels"], network["attention"], network["norm_num_groups"]
    head, place = network["attention_head_dim"], run.place("train_base", "network", "block_out_channels")
    family = run.value("train_base", "family")
    if isinstance(head, list) and (family != "stable_diffusion" or len(head) != len(channels)):
        message = f"is {head}; allowed with the family {family}: one number"
        if family == "stable_diffusion":
            message += f", or one for each of the {len(channels)} entries of block_out_channels"
        yield run.place("train_base", "network", "attention_head_dim"), message
    heads = head if isinstance(head, list) else [head] * len(channels)
    if len(attention) != len(channels):
        message = (
            f"has {len(attention)} entries; allowed: one for each of the {len(channels)} entries of block_out_channels"
        )
        yield run.place("train_base", "network", "attention"), message
    if any(width % groups for width in channels):
        yield place, f"is {channels}; allowed: multiples of norm_num_groups, which is {groups}"
    # The middle block attends at the last level's width.
    attentive = zip(channels, heads, [*attention[:-1], True], strict=True)
    if any(flag and width % each for width, each, flag in attentive):
        yield (
            place,
            f"is {channels}; allowed: multiples of attention_head_dim, which is {head}, where there is attention",
        )
    times = len(channels) - 1
    if family in job_config.LATENT_FAMILIES:  # the autoencoder halves it, too
        times += len(run.value("train_autoencoder", "network")["block_out_channels"]) - 1
    if size % 2**times:
        message = f"is {size}; allowed: a multiple of {2**times}, as the network halves it {times} times"
        yield run.place("prepare_data", "size"), message


def _uvit(run: Run) -> Iterator[Problem]:
    """Patches and channels of U-ViT."""
    network, size = run.value("train_base", "network"), run.value("prepare_data", "size")
    if size % network["patch_size"]:
        message = f"is {network['patch_size']}; allowed: a divisor of the images' {size} px"
        yield run.place("train_base", "network", "patch_size"), message
    if network["dim"] % network["heads"]:
        message = f"is {network['dim']}; allowed: a multiple of heads, which is {network['heads']}"
        yield run.place("train_base", "network", "dim"), message
    timesteps = run.value("train_base", "diffusion", "timesteps")
    if run.value("train_base", "diffusion", "schedule") == "vp_sde" and timesteps != 1000:
        message = f"is {timesteps}; allowed with vp_sde: 1000, of which its times are shares"
        yield run.place("train_base", "diffusion", "timesteps"), message
