"""Folders of networks that others trained: what does not fit is told before anything runs, by their config.json."""

import json
import shutil
from pathlib import Path

import pytest

from selfrefine.diffusion import autoencoder as diffusion_autoencoder
from selfrefine.params import check, given_networks, job_config
from selfrefine.pretrained import text_encoder_sources
from tests.support import tiny_clip, tiny_latent, tiny_text
from tests.support.wrong_params import ROOT, at, line_about, project_params

FOLDER, TOKENS = "models.ldm.train_autoencoder.folder", "encode_captions.tokens"


@pytest.fixture(scope="module")
def grey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Autoencoders of grey images, of both kinds."""
    folder = tmp_path_factory.mktemp("given")
    for kind in diffusion_autoencoder.CLASSES:
        made = tiny_latent.autoencoder(kind, channels=1)
        made.save_pretrained(folder / kind)
    return folder


def changed(folder: Path, given: Path, **settings: object) -> str:
    """A copy of a folder with other settings; None takes one away."""
    shutil.copytree(given, folder)
    values = json.loads((folder / "config.json").read_text()) | settings
    (folder / "config.json").write_text(json.dumps({key: value for key, value in values.items() if value is not None}))
    return str(folder)


def test_an_autoencoder_of_the_images_is_taken(grey: Path) -> None:
    assert line_about(at(FOLDER, str(grey / "vq"))) is None
    assert line_about(at("models.stable_diffusion.train_autoencoder.folder", str(grey / "kl"))) is None


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"in_channels": 3}, "whose in_channels is 3; allowed: 1, as datasets.fashion_mnist_32.train_base.network."),
        ({"out_channels": 3}, "whose out_channels is 3; allowed: 1, as datasets.fashion_mnist_32.train_base.network."),
        ({"in_channels": None}, "whose in_channels is 3; allowed: 1, as "),  # what diffusers takes where nothing stands
        ({"_class_name": "UNet2DModel"}, "whose config.json is of UNet2DModel; allowed: VQModel or AutoencoderKL"),
        ({"_class_name": None}, "whose config.json is of None; allowed: VQModel or AutoencoderKL"),
    ],
)
def test_an_autoencoder_of_other_images_is_told(settings: dict, told: str, grey: Path, tmp_path: Path) -> None:
    given = changed(tmp_path / "given", grey / "vq", **settings)
    assert line_about(at(FOLDER, given)).startswith(f"params.yaml: {FOLDER} is {given}, {told}")


def test_stable_diffusion_takes_no_codebook(grey: Path) -> None:
    leaf = "models.stable_diffusion.train_autoencoder.folder"
    told = line_about(at(leaf, str(grey / "vq")))
    assert told == f"params.yaml: {leaf} is {grey / 'vq'}, whose config.json is of VQModel; allowed: AutoencoderKL"


def test_images_are_halved_as_often_as_the_folder_says(grey: Path, tmp_path: Path) -> None:
    given = changed(tmp_path / "given", grey / "vq", block_out_channels=[8] * 6)
    told = line_about(at(FOLDER, given))
    place = "params.yaml: datasets.fashion_mnist_32.prepare_data.size is 32; allowed: a multiple of 64, as "
    assert told == f"{place}{given} and the network halve it 6 times"


@pytest.mark.parametrize(("channels", "fits"), [(3, True), (4, False), (1, False)])
def test_a_network_to_begin_with_takes_the_latents(channels: int, fits: bool, grey: Path, tmp_path: Path) -> None:
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "config.json").write_text(json.dumps({"in_channels": channels}))
    (tmp_path / "unet" / "diffusion_pytorch_model.safetensors").touch()
    leaf, named = "models.ldm.train_base.pretrained", str(tmp_path / "unet")
    told = line_about(job_config.merge(at(FOLDER, str(grey / "vq")), at(leaf, named)))
    message = f"is {named}, whose in_channels is {channels}; allowed: 3, the latents' channels of {grey / 'vq'}"
    assert told == (None if fits else f"params.yaml: {leaf} {message}")


@pytest.mark.parametrize("broken", ["[]", "{", '{"auto_map": {"x": "y"}}'])
@pytest.mark.parametrize("leaf", [FOLDER, "evaluate_prompts.clip_folder"])
def test_settings_that_are_none_are_told_before_any_job_reads_them(leaf: str, broken: str, tmp_path: Path) -> None:
    for name in ("diffusion_pytorch_model.safetensors", "model.safetensors"):
        (tmp_path / name).touch()
    (tmp_path / "config.json").write_text(broken)
    told = line_about(at(leaf, str(tmp_path)))
    assert told.startswith(f"params.yaml: {leaf} is {tmp_path}; {tmp_path}/config.json: ")
    assert "\n" not in told


# -- text encoders -----------------------------------------------------------------------------------------------------


def encoder(folder: Path, tokens: int, name: str = "mine", providers: tuple[str, ...] = ("folder",)) -> dict:
    row = {"width": tiny_text.WIDTH, "fetch_text_encoder": {"providers": [*providers], "folder": str(folder)}}
    return {"text_encoders": {name: row}, "encode_captions": {"text_encoder": name, "tokens": tokens}}


@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("whole", [False, True])
def test_captions_are_as_long_as_the_encoder_of_the_folder_takes(clip: bool, whole: bool, tmp_path: Path) -> None:
    """A model with its tokenizer beside it, or both as a whole Stable Diffusion has them; of CLIP its text half."""
    made = tiny_clip.save(tmp_path / "made") if clip else tiny_text.published(tmp_path / "made")
    most = 24 if clip else tiny_text.MOST_TOKENS
    if whole:
        for half in ("text_encoder", "tokenizer"):
            shutil.copytree(made, tmp_path / "whole" / half)
        made = tmp_path / "whole"
    assert line_about(encoder(made, most)) is None
    told = line_about(encoder(made, most + 1))
    assert told == f"params.yaml: {TOKENS} is {most + 1}; allowed: at most {most}, as {made} takes"


def test_the_tokenizer_may_allow_fewer_than_the_model(tmp_path: Path) -> None:
    made = tiny_text.published(tmp_path / "made")
    settings = json.loads((made / "tokenizer_config.json").read_text())
    (made / "tokenizer_config.json").write_text(json.dumps(settings | {"model_max_length": 9}))
    assert line_about(encoder(made, 9)) is None
    assert "is 10; allowed: at most 9" in line_about(encoder(made, 10))


@pytest.mark.parametrize(("name", "most"), given_networks.MOST_TOKENS.items())
def test_what_a_published_encoder_takes_is_known_before_it_is_fetched(name: str, most: int, tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    assert line_about(encoder(absent, most, name, ("folder", "hub"))) is None
    told = line_about(encoder(absent, most + 1, name, ("folder", "hub")))
    assert told == f"params.yaml: {TOKENS} is {most + 1}; allowed: at most {most}, as text_encoders.{name} takes"


def test_every_published_encoder_is_known() -> None:
    assert given_networks.MOST_TOKENS.keys() == text_encoder_sources.ENCODERS.keys()


def test_an_encoder_that_nobody_knows_yet_is_left_to_its_job(tmp_path: Path) -> None:
    assert line_about(encoder(tmp_path / "absent", 4096)) is None


# -- CLIP --------------------------------------------------------------------------------------------------------------


def test_a_clip_is_taken_and_what_is_none_is_told_before_all_training(tmp_path: Path) -> None:
    made, leaf = tiny_clip.save(tmp_path / "clip"), "evaluate_prompts.clip_folder"
    assert line_about(at(leaf, str(made))) is None
    (made / given_networks.PREPARATION).unlink()
    told = (
        f"params.yaml: {leaf} is {made}, which has no preprocessor_config.json; save the CLIP with its processor, too"
    )
    assert line_about(at(leaf, str(made))) == told
    other = tiny_text.published(tmp_path / "bert")
    told = f"params.yaml: {leaf} is {other}, whose model_type is bert; allowed: clip"
    assert line_about(at(leaf, str(other))) == told


def test_folders_that_nothing_selected_reads_need_not_fit(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    params = job_config.merge(project_params(), at(FOLDER, str(tmp_path)) | {"select": {"models": ["ddpm"]}})
    assert check.check(params, ROOT) is None
