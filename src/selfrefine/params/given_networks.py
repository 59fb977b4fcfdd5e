"""Networks in folders that the params name, by their config.json: whether they fit each other and the images."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from selfrefine.core import model_folders
from selfrefine.core.errors import InputError
from selfrefine.params import job_config
from selfrefine.params.references import Params, Problem, Run, runs

CONFIG, TOKENIZER_CONFIG, PREPARATION = "config.json", "tokenizer_config.json", "preprocessor_config.json"
# diffusers' names of autoencoders, and the channels that it takes where a config.json says nothing of them.
AUTOENCODERS = {
    "VQModel": {"in_channels": 3, "out_channels": 3, "latent_channels": 3},
    "AutoencoderKL": {"in_channels": 3, "out_channels": 3, "latent_channels": 4},
}
# Of text encoders that `pretrained.text_encoder_sources` fetches: how many positions they have learnt.
MOST_TOKENS = {"minilm": 512, "clip": 77}


def unfit(params: Params, root: Path = Path()) -> Iterator[Problem]:
    """What of the folders that are there does not fit; the params must be right otherwise.

    Args:
        params: the whole of params.yaml with the experiment's overlay.
        root: the project's folder.
    """
    for run in runs(params):
        if job_config.is_latent(params, run.names["dataset"], run.names["model"]):
            yield from _autoencoder(run, root)
        if job_config.is_prompted(params, run.names["dataset"], run.names["model"]):
            yield from _tokens(run, root)
            yield from _clip(run, root)


def _read(folder: Path, root: Path, name: str = CONFIG) -> Mapping[str, Any] | None:
    """Settings of a network; None if they are not there.

    Raises:
        InputError: a folder that may run code, or settings that cannot be read.
    """
    if not (root / folder / name).is_file():
        return None
    model_folders.check(root / folder)
    return model_folders.read(root / folder / name)


def _autoencoder(run: Run, root: Path) -> Iterator[Problem]:
    """One that takes and gives the images, and whose latents the network takes."""
    folder, place = run.value("train_autoencoder", "folder"), run.place("train_autoencoder", "folder")
    try:
        given = _read(Path(folder), root) if folder else None
    except InputError as error:
        yield place, f"is {folder}; {error}"
        return
    if given is None:
        return
    kind, prompted = given.get("_class_name"), run.value("train_base", "family") == "stable_diffusion"
    if kind not in AUTOENCODERS or (prompted and kind != "AutoencoderKL"):
        allowed = "AutoencoderKL" if prompted else " or ".join(AUTOENCODERS)
        yield place, f"is {folder}, whose {CONFIG} is of {kind}; allowed: {allowed}"
        return
    said: dict[str, Any] = {**AUTOENCODERS[kind], **given}
    channels = run.value("train_base", "network")["channels"]
    for name in ("in_channels", "out_channels"):
        if said[name] != channels:
            owner = ".".join(map(str, run.place("train_base", "network", "channels")))
            yield place, f"is {folder}, whose {name} is {said[name]}; allowed: {channels}, as {owner} is"
    yield from _sides(run, folder, said)
    yield from _latents(run, root, folder, said)


def _sides(run: Run, folder: str, said: Mapping[str, Any]) -> Iterator[Problem]:
    """Images that the autoencoder and the network after it can halve as often as they do."""
    widths, levels = said.get("block_out_channels", [0]), run.value("train_base", "network")["block_out_channels"]
    times, size = len(widths) + len(levels) - 2, run.value("prepare_data", "size")
    if size % 2**times:
        message = f"is {size}; allowed: a multiple of {2**times}, as {folder} and the network halve it {times} times"
        yield run.place("prepare_data", "size"), message


def _latents(run: Run, root: Path, folder: str, said: Mapping[str, Any]) -> Iterator[Problem]:
    """A network that training begins with and that takes these latents."""
    named, latents = run.value("train_base", "pretrained"), said["latent_channels"]
    try:
        network = _read(Path(named), root) if named else None
    except InputError as error:
        yield run.place("train_base", "pretrained"), f"is {named}; {error}"
        return
    if network is not None and network.get("in_channels", latents) != latents:
        message = (
            f"is {named}, whose in_channels is {network['in_channels']}; allowed: {latents}, the latents' channels"
        )
        yield run.place("train_base", "pretrained"), f"{message} of {folder}"


def _tokens(run: Run, root: Path) -> Iterator[Problem]:
    """Captions of no more tokens than the text encoder has positions for."""
    name, asked = (run.value("encode_captions", leaf) for leaf in ("text_encoder", "tokens"))
    encoder = job_config.job(run.params, "fetch_text_encoder", {"text_encoder": name})
    whole = Path(encoder["folder"])
    halves = (whole / "text_encoder", whole / "tokenizer")
    places = halves if (root / halves[0]).is_dir() else (whole, whole)
    known, where = [MOST_TOKENS[name]] if name in MOST_TOKENS else [], f"text_encoders.{name}"
    if "folder" in encoder["providers"]:
        try:
            model, tokenizer = _read(places[0], root), _read(places[1], root, TOKENIZER_CONFIG)
        except InputError as error:
            yield ("text_encoders", name, "fetch_text_encoder", "folder"), f"is {whole}; {error}"
            return
        text = (model or {}).get("text_config") or model or {}
        found = [text.get("max_position_embeddings"), (tokenizer or {}).get("model_max_length")]
        read = [int(number) for number in found if isinstance(number, int | float) and 0 < number < 2**31]
        known, where = (read, str(whole)) if read else (known, where)
    if known and asked > min(known):
        yield run.place("encode_captions", "tokens"), f"is {asked}; allowed: at most {min(known)}, as {where} takes"


def _clip(run: Run, root: Path) -> Iterator[Problem]:
    """A CLIP where one scores the images."""
    folder, place = run.value("evaluate_prompts", "clip_folder"), run.place("evaluate_prompts", "clip_folder")
    try:
        given = _read(Path(folder), root) if folder else None
    except InputError as error:
        yield place, f"is {folder}; {error}"
        return
    if given is not None and given.get("model_type") != "clip":
        yield place, f"is {folder}, whose model_type is {given.get('model_type')}; allowed: clip"
    if given is not None and not (root / folder / PREPARATION).is_file():
        yield place, f"is {folder}, which has no {PREPARATION}; save the CLIP with its processor, too"
