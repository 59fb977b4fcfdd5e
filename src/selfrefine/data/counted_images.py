"""How many images a data set can have at most, told before anything is read or fetched: by names of files, or as known.

Imports only the standard library: the Snakefile uses it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfrefine.data import image_folder, split_names
from selfrefine.data.idx_sets import SOURCES


def count(prepared: Mapping[str, Any], root: Path = Path()) -> dict[str, int] | None:
    """Images of `train` and `test`, and the `classes` that the former are of; None of a folder that is not there.

    Files that turn out to be unreadable, or the same in both splits, leave fewer.

    Args:
        prepared: the config of prepare_data.
        root: the project's folder.

    Raises:
        InputError: a folder with own splits that holds files beside them.
    """
    if "source" in prepared:
        source = SOURCES[prepared["source"]]
        classes = len(prepared["classes"] or source.classes)
        found = {split: classes * each for split, each in source.of_a_class.items()}
    else:
        folder = root / prepared["folder"]
        if not folder.is_dir():
            return None
        share = None if prepared["own_splits"] else prepared["test_share"]
        named = split_names.split_names(image_folder.image_files(folder), share, prepared["split_seed"])
        within = (name.partition("/")[2] if share is None else name for name in named[0][: prepared["max_images"]])
        classes = len({split_names.sub_folder(name) for name in within})
        found = {split: len(names) for split, names in zip(split_names.SPLITS, named, strict=True)}
    return {split: min(images, prepared["max_images"]) for split, images in found.items()} | {"classes": classes}
