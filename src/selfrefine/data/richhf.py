"""RichHF-18K: TFRecord files with heat maps of where people saw artifacts, for images of Pick-a-Pic that lie elsewhere.

By its README and the reader that its authors give (github.com/google-research-datasets/richhf-18k; github.com/
google-research/google-research, richhf_18k/parse_tfrecord_file.py): `train.tfrecord`, `dev.tfrecord` and
`test.tfrecord`, of tf.train.Example with `filename`, which names an image of Pick-a-Pic v1, and `artifact_map`, an
encoded image of 512 x 512 levels 0 ... 255. One that is 0 everywhere is taken to say that they saw none.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from selfrefine.core.errors import DamagedError, InputError
from selfrefine.data import tfrecords
from selfrefine.data.marked_images import PAGE, Layout, Marked, Published

NAME, HEAT = "filename", "artifact_map"
# Records by its README; SHA-256 by the pointers of Git LFS at commit c79c928 of the set's repository.
PUBLISHED = {
    "train": Published("3ab17365e49aeaa8d8c32e5317161be28092c83111a8d8eb0d2658895fab2d33", 15810),
    "dev": Published("6db154c91b5673bf58de822eef4618a4ee6f3f7cd56a7749fefdd44f57b4755a", 995),
    "test": Published("6819ef72631de3af32904f2af3c990b8be0c9597ef3917b9cf0a799161156049", 955),
}


def _parts(folder: Path) -> dict[str, dict[str, Path]]:
    names = {split: f"{split}.tfrecord" for split in PUBLISHED}
    found = {split: {name: folder / name} for split, name in names.items() if (folder / name).is_file()}
    if not found:
        raise InputError(f"{folder}: none of {', '.join(names.values())} in it, as RichHF-18K has them; {PAGE}")
    return found


def _read(found: Mapping[str, Path], apart: Mapping[str, Path]) -> Iterator[Marked]:
    for path in found.values():
        for number, record in enumerate(tfrecords.records(path)):
            try:
                features = tfrecords.example(record)
                (name,), (heat,) = (features[key] for key in (NAME, HEAT))
                stem = PurePosixPath(name.decode()).stem
            except (ValueError, KeyError) as error:
                raise DamagedError(path, f"record {number} is no example with {NAME} and {HEAT}") from error
            yield Marked(stem, apart.get(stem), heat)


LAYOUT = Layout(_parts, _read, apart=True, published=PUBLISHED)
