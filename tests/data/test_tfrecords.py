"""TFRecord files are read whole or not at all, and what an Example holds in bytes is what was put in."""

import struct
from pathlib import Path

import pytest

from selfrefine.core.errors import InputError
from selfrefine.data import tfrecords
from tests.support.marked_sets import example, tfrecord, varint


@pytest.mark.parametrize(
    ("data", "crc"),
    [  # RFC 3720, B.4, and the check value of the polynomial's catalogue
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (b"", 0),
    ],
)
def test_the_checksum_is_that_of_the_standard(data: bytes, crc: int) -> None:
    assert tfrecords.crc32c(data) == crc


def test_records_come_back_in_their_order(tmp_path: Path) -> None:
    kept = [b"", b"one", bytes(range(256)) * 3]
    (tmp_path / "file").write_bytes(b"".join(map(tfrecord, kept)))
    assert list(tfrecords.records(tmp_path / "file")) == kept
    (tmp_path / "empty").write_bytes(b"")
    assert list(tfrecords.records(tmp_path / "empty")) == []


def test_a_changed_bit_or_a_missing_end_is_found_wherever_it_is(tmp_path: Path) -> None:
    whole, path = tfrecord(b"first") + tfrecord(b"second one"), tmp_path / "file"
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        with pytest.raises(InputError, match=r"file: (record \d is damaged|no TFRecord file, or damaged|cut off in)"):
            list(tfrecords.records(path))
    for length in set(range(1, len(whole))) - {len(tfrecord(b"first"))}:
        path.write_bytes(whole[:length])
        with pytest.raises(InputError):
            list(tfrecords.records(path))


def test_a_pointer_of_git_lfs_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(InputError, match="a pointer of Git LFS in the place of the file; `git lfs pull` fetches it"):
        list(tfrecords.records(tmp_path / "file"))


def test_an_example_holds_its_bytes_by_name() -> None:
    long = bytes(200_000)  # its length takes three bytes
    made = example(
        {"name": (1, [b"a", b""]), "picture": (1, [long]), "score": (2, struct.pack("<2f", 1.0, 2.0)), "none": (1, [])}
    )
    assert tfrecords.example(made) == {"name": [b"a", b""], "picture": [long], "score": [], "none": []}


@pytest.mark.parametrize(
    "message",
    [
        *(bytes([0x0A, 5, 1]), bytes([0x0B]), bytes([0x0A]), b"\x80" * 11, bytes([0x09, 1, 2])),
        varint(1 << 3 | 2) + varint(2**40),
    ],
)
def test_no_message_is_refused(message: bytes) -> None:
    with pytest.raises(ValueError, match=r"cut off|a field of kind"):
        tfrecords.example(message)


def test_other_kinds_of_fields_are_passed_over() -> None:
    """A number, eight bytes, four bytes: of a later version of the message."""
    others = varint(7 << 3) + varint(300) + varint(8 << 3 | 1) + bytes(8) + varint(9 << 3 | 5) + bytes(4)
    assert tfrecords.example(others + example({"name": (1, [b"a"])}) + others) == {"name": [b"a"]}
