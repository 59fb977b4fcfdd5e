"""PAL4VST's layout: images of generative models, and of each the pixels that people marked as an artifact.

By the authors' own code (github.com/owenzlz/PAL4VST): a task's folder, or `unified`, holds `images/` and `labels/`,
both with `train`, `val` and `test` (data_root, *_img_path and *_seg_map_path of its configs); images end in .jpg,
labels in .png, with two classes, background and bad_region (mmsegmentation/mmseg/datasets/artifacts.py), as 0 and 1.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from selfrefine.core import files
from selfrefine.core.errors import InputError
from selfrefine.data.marked_images import PAGE, Layout, Marked, paired

SPLITS = ("train", "val", "test")


def _parts(folder: Path) -> dict[str, dict[str, Path]]:
    found = files.visible(folder)
    parts = {
        split: {name: path for name, path in found.items() if name.startswith((f"images/{split}/", f"labels/{split}/"))}
        for split in SPLITS
    }
    if not any(parts.values()):
        raise InputError(f"{folder}: none of images/{', images/'.join(SPLITS)} in it, as PAL4VST has them; {PAGE}")
    return {split: held for split, held in parts.items() if held}


def _read(found: Mapping[str, Path], _apart: Mapping[str, Path]) -> Iterator[Marked]:
    (split,) = {name.split("/")[1] for name in found}
    return paired(found, f"images/{split}/", f"labels/{split}/")


LAYOUT = Layout(_parts, _read, masks=True)
