"""Every command and library entry with a pipeline folder of every family, of ours or of others: it works, or one line.

The folders are as their makers leave them: those of others have no seal.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from selfrefine import library, networks
from selfrefine.core.errors import InputError
from tests.support import tiny, tiny_families, tiny_highlighter
from tests.support.command import QUICK, picture, refused, words
from tests.support.tiny_families import FITTING, FOREIGN, LATENTS, PIXELS, PROMPTS

WORKS: dict[str, dict[str, str]] = {  # command -> what pipelines work on -> the words of a refusal, "" of none
    "sample": {PIXELS: "", LATENTS: "", PROMPTS: ""},
    "inpaint": {
        PIXELS: "",
        LATENTS: "its model works on latents; one that works on pixels needed",
        PROMPTS: "its model works on latents; one that works on pixels needed",
    },
    "library": {PIXELS: "", LATENTS: "", PROMPTS: "conditions: none given; the pipeline is told captions"},
}
# What commands refuse and the library takes with conditions, which are not given here.
CONDITIONED = {"classes", "a transformer of latents"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All pipelines, an image and a mask."""
    found = tmp_path_factory.mktemp("families")
    for name, (make, _) in (FITTING | FOREIGN).items():
        if name in networks._families():
            networks.save(make(), found / name)
        else:
            make().save_pretrained(found / name)
    mask = np.full((tiny.SIZE, tiny.SIZE), 255, np.uint8)
    mask[2:5, 2:5] = 0
    Image.fromarray(mask).save(found / "mask.png")
    Image.fromarray(np.repeat(tiny.tiny_images(1)[0][..., :1], 3, axis=2)).save(found / "image.png")
    return found


def options(command: str, folder: Path, name: str, out: Path) -> dict[str, Any]:
    """What the command is given."""
    own = {"pipeline": folder / name, "out": out / "made.png"} | QUICK
    if command == "inpaint":
        return own | {"image": folder / "image.png", "mask": folder / "mask.png", "jump_length": 1, "jump_samples": 2}
    return own | ({"prompt": "a red bag"} if FITTING.get(name, ("", ""))[1] == PROMPTS else {})


@pytest.mark.parametrize("name", FITTING)
@pytest.mark.parametrize("command", ["sample", "inpaint"])
def test_a_command_works_or_says_why_not(folder, tmp_path, capsys, command, name):
    given, told = options(command, folder, name, tmp_path), WORKS[command][FITTING[name][1]]
    if not told:
        assert picture(command, **given).shape == (tiny.SIZE, tiny.SIZE, 3)
        return
    assert refused(words(command, **given), capsys) == f"selfrefine {command}: {folder / name}: {told}"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("command", ["sample", "inpaint"])
def test_a_command_refuses_what_the_mathematics_does_not_fit(folder, tmp_path, capsys, command, name):
    line = refused(words(command, **options(command, folder, name, tmp_path)), capsys)
    assert line.startswith(f"selfrefine {command}: {folder / name}: ")
    assert FOREIGN[name][1] in line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [*FITTING, *FOREIGN])
def test_the_library_refines_it_or_says_why_not(folder, name):
    pipeline = networks.load_any(folder / name, torch.device("cpu"))
    highlighter, images = tiny_highlighter.highlighter(32), np.repeat(tiny.tiny_images()[..., :1], 3, axis=3)
    told = WORKS["library"][FITTING[name][1]] if name in FITTING else FOREIGN[name][1]
    told = "conditions: none given; the pipeline is told class numbers" if name in CONDITIONED else told
    calls = {
        "flaw_maps": lambda: library.flaw_maps(pipeline, highlighter, n_images=2, map_steps=3),
        "refine": lambda: library.refine(pipeline, images, highlighter, steps=1, map_images=2, map_steps=3),
        "train_highlighter": lambda: library.train_highlighter(
            pipeline, images, steps=1, weights="absent", map_steps=3
        ),
    }
    if name in FITTING and not told:
        assert calls["flaw_maps"]()[0].shape == (2, tiny.SIZE, tiny.SIZE, 3)
        assert type(calls["refine"]()) is type(pipeline)
        told = "weights: absent is no file"
        del calls["flaw_maps"], calls["refine"]
    for call in calls.values():
        with pytest.raises(InputError) as fault:
            call()
        assert told in str(fault.value)
        assert "\n" not in str(fault.value)


def test_every_family_is_among_them():
    assert {name.split()[0] for name in FITTING} >= set(networks._families())


@pytest.mark.parametrize(
    "added", [".DS_Store", "README.md", ".ipynb_checkpoints/model_index-checkpoint.json", "unet/.x"]
)
def test_what_systems_and_people_lay_beside_a_pipeline_is_no_fault(folder, tmp_path, added):
    pipeline = tiny_families.FITTING["ddpm"][0]()
    networks.save(pipeline, tmp_path / "sealed")
    pipeline.save_pretrained(tmp_path / "plain")
    made = []
    for kind in ("sealed", "plain"):
        (tmp_path / kind / added).parent.mkdir(exist_ok=True)
        (tmp_path / kind / added).write_text("# mine")
        made.append(picture("sample", pipeline=tmp_path / kind, out=tmp_path / f"{kind}.png"))
    assert np.array_equal(*made)


def test_a_changed_folder_of_a_run_is_told_without_advice_to_delete_it(folder, tmp_path, capsys):
    networks.save(tiny.tiny_pipeline(), tmp_path / "pipeline")
    (tmp_path / "pipeline" / "unet" / "config.json").write_text(
        (tmp_path / "pipeline" / "unet" / "config.json").read_text() + " "
    )
    line = refused(words("sample", pipeline=tmp_path / "pipeline", out=tmp_path / "made.png"), capsys)
    assert line.endswith("pipeline/unet/config.json: changed since it was made (SHA256SUMS differs)")
