"""TFRecord files, and what tf.train.Example holds in bytes, read without TensorFlow.

A record is its length (8 bytes, little-endian), the masked CRC-32C of these, its data, the masked CRC-32C of the data
(TensorFlow, lib/io/record_writer.h). An Example is a protobuf message: 1: Features, of these 1: entries of a map, of
these 1: the key and 2: the Feature, of which 1: BytesList, of which 1: each value (core/example/feature.proto).
"""

import functools
import struct
from collections.abc import Iterator
from pathlib import Path

from selfrefine.core import files
from selfrefine.core.errors import DamagedError, InputError

CASTAGNOLI = 0x82F63B78  # its polynomial, reflected
MASK = 0xA282EAD8
HEADER, FOOTER = 12, 4  # bytes before and after the data
POINTER = b"version https://git-lfs"  # how the pointer begins that Git leaves where its LFS is not installed
VARINT, FIXED_64, LENGTH, FIXED_32 = 0, 1, 2, 5  # kinds of fields


@functools.cache
def _table() -> tuple[int, ...]:
    """The CRC-32C of each byte alone."""

    def shifted(crc: int) -> int:
        for _ in range(8):
            crc = crc >> 1 ^ (CASTAGNOLI if crc & 1 else 0)
        return crc

    return tuple(shifted(byte) for byte in range(256))


def crc32c(data: bytes) -> int:
    """CRC-32C (RFC 3720, B.4), about 15 MB a second."""
    crc, table = 0xFFFFFFFF, _table()
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def masked(crc: int) -> int:
    """The checksum as it is stored."""
    return ((crc >> 15 | crc << 17 & 0xFFFFFFFF) + MASK) & 0xFFFFFFFF


def records(path: Path) -> Iterator[bytes]:
    """The data of each record of a file.

    Raises:
        InputError: a checksum that does not fit, or a file that is cut off.
    """
    content, at, number = files.read_bytes(path), 0, 0
    if content.startswith(POINTER):
        raise InputError(f"{path}: a pointer of Git LFS in the place of the file; `git lfs pull` fetches it")
    while at < len(content):
        head = content[at : at + HEADER]
        if len(head) == HEADER and masked(crc32c(head[:8])) == struct.unpack("<I", head[8:])[0]:
            (length,) = struct.unpack("<Q", head[:8])
            data, end = content[at + HEADER : at + HEADER + length], at + HEADER + length + FOOTER
            if end > len(content):
                raise DamagedError(path, f"cut off in record {number}")
            if masked(crc32c(data)) != struct.unpack("<I", content[end - FOOTER : end])[0]:
                raise DamagedError(path, f"record {number} is damaged: its checksum differs")
            yield data
            at, number = end, number + 1
        else:
            raise DamagedError(path, f"no TFRecord file, or damaged: no record {number} at byte {at}")


def example(record: bytes) -> dict[str, list[bytes]]:
    """The features of a tf.train.Example that are lists of bytes; others are there with none.

    Raises:
        ValueError: it is no such message.
    """
    found: dict[str, list[bytes]] = {}
    for entry in _all(_all([record], 1), 1):
        key = b"".join(_all([entry], 1)).decode()
        found[key] = _all(_all(_all([entry], 2), 1), 1)
    return found


def _all(messages: list[bytes], number: int) -> list[bytes]:
    """The contents of the fields with a number in some messages."""
    return [content for message in messages for field, content in _fields(message) if field == number]


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and content of the fields of a message that hold bytes."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        size = {VARINT: 0, FIXED_64: 8, FIXED_32: 4, LENGTH: 0}.get(key & 7)
        if size is None:
            raise ValueError(f"a field of kind {key & 7}")
        if key & 7 in (VARINT, LENGTH):
            value, at = _varint(message, at)
            size = value if key & 7 == LENGTH else 0
        if at + size > len(message):
            raise ValueError("cut off")
        if key & 7 == LENGTH:
            yield key >> 3, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """The number at a place, and the place after it."""
    value = 0
    for shift, byte in enumerate(message[at : at + 10]):
        value |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            return value, at + shift + 1
    raise ValueError("cut off")
