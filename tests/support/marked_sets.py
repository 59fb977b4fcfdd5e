"""Small sets in the layouts that PAL4VST, Rapidata and RichHF-18K are published in, written without what reads them."""

import io
import struct
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image
from pyarrow import parquet


def image(number: int, size: tuple[int, int] = (12, 12)) -> np.ndarray:
    """An image of its own, (height, width, 3) uint8."""
    return np.random.default_rng(number).integers(0, 256, (*size, 3), dtype=np.uint8)


def encoded(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    """The bytes of an image file."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def square(levels: float, side: int = 12, dtype: type = np.uint8) -> np.ndarray:
    """Marks with these levels in the upper left quarter, (side, side)."""
    marks = np.zeros((side, side), dtype)
    marks[: side // 2, : side // 2] = levels
    return marks


# -- PAL4VST -----------------------------------------------------------------------------------------------------------


def pal4vst(folder: Path) -> Path:
    """Two splits: faces with a label of 0 and 1, one without an artifact, one without a label, a bedroom."""
    labels = {
        "train/ffhq_seed0001": square(1),
        "train/ffhq_seed0002": square(0),
        "train/ldm_sample_000003": square(1),
        "test/ffhq_seed0004": square(1),
        "test/ffhq_seed0005": None,
        "test/ffhq_seed0006": square(1),  # its image is not there
    }
    for number, (name, label) in enumerate(labels.items()):
        for kind, ending, pixels in (("images", "jpg", image(number)), ("labels", "png", label)):
            path = folder / kind / f"{name}.{ending}"
            path.parent.mkdir(parents=True, exist_ok=True)
            if pixels is not None and (kind, number) != ("images", 5):
                path.write_bytes(encoded(pixels, "JPEG" if kind == "images" else "PNG"))
    return folder


# -- Rapidata ----------------------------------------------------------------------------------------------------------


def rapidata(folder: Path, heat_maps: list[list[list[float | None]] | None], dtype: pa.DataType | None = None) -> Path:
    """One file of the split train, with the columns of the card; a heat map for each row."""
    rows = len(heat_maps)
    pictures = [{"bytes": encoded(image(number), "JPEG"), "path": None} for number in range(rows)]
    levels = pa.list_(pa.list_(dtype or pa.float16()))
    halves = [
        heat and [[None if cell is None else np.float16(cell) for cell in row] for row in heat] for heat in heat_maps
    ]
    columns = {
        "image": pa.array(pictures, pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        "prompt": pa.array([f"prompt {number}" for number in range(rows)]),
        "word_scores": pa.array(["[]"] * rows),
        "coherence_heatmap": pa.array(heat_maps if dtype else halves, levels),
        "alignment_heatmap": pa.array([None] * rows, levels),
        "coherence_score": pa.array([3.0] * rows, pa.float32()),
    }
    (folder / "data").mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.table(columns), folder / "data" / "train-00000-of-00001.parquet", row_group_size=2)
    return folder


# -- RichHF-18K --------------------------------------------------------------------------------------------------------


def richhf(folder: Path, records: dict[str, np.ndarray], split: str = "dev") -> Path:
    """A TFRecord file of tf.train.Example: name of an image of Pick-a-Pic -> its artifact map."""
    folder.mkdir(parents=True, exist_ok=True)
    content = b""
    for name, levels in records.items():
        features = {
            "filename": (1, [name.encode()]),
            "artifact_score": (2, struct.pack("<f", 0.5)),
            "artifact_map": (1, [encoded(levels)]),
            "misalignment_map": (1, [encoded(np.zeros_like(levels))]),
            "prompt_misalignment_label": (1, [b"1 1 0"]),
        }
        content += tfrecord(example(features))
    (folder / f"{split}.tfrecord").write_bytes(content)
    return folder


def example(features: dict[str, tuple[int, list[bytes] | bytes]]) -> bytes:
    """A tf.train.Example: name -> (1, list of bytes) or (2, packed floats)."""
    entries = b""
    for name, (kind, values) in features.items():
        held = field(1, values) if isinstance(values, bytes) else b"".join(field(1, value) for value in values)
        entries += field(1, field(1, name.encode()) + field(2, field(kind, held)))
    return field(1, entries)


def field(number: int, content: bytes) -> bytes:
    """A field of a protobuf message that holds bytes."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    """A number, seven bits a byte, the lowest first."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def tfrecord(data: bytes) -> bytes:
    """A record with its checksums, these bit by bit from the definition."""
    length = struct.pack("<Q", len(data))
    return length + stored_checksum(length) + data + stored_checksum(data)


def stored_checksum(data: bytes) -> bytes:
    """The masked CRC-32C: the remainder of a division of polynomials, not a table of bytes."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0x82F63B78 if crc & 1 else crc >> 1
    crc ^= 0xFFFFFFFF
    rotated = ((crc >> 15) | (crc << 17)) % 2**32
    return struct.pack("<I", (rotated + 0xA282EAD8) % 2**32)
