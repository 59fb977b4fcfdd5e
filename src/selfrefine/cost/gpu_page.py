"""What `selfrefine check-gpu` measured, as a page to read beside that of another machine; from its JSON alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from selfrefine.cost.clock import Line
from selfrefine.report.markdown import EMPTY, markdown_table

GIB = 2**30
FACTS = {  # of the machine, in this order
    "device": "Device",
    "compute_capability": "Compute capability",
    "multiprocessors": "Multiprocessors",
    "gpus": "GPUs of this machine",
    "memory_bytes": "Memory, GiB",
    "free_bytes": "Memory that is free, GiB",
    "precision": "Precision of jobs",
    "tf32_products": "TF32 of products",
    "tf32_convolutions": "TF32 of convolutions",
    "cudnn_benchmark": "cuDNN tries its algorithms",
    "driver": "Driver",
    "cuda": "CUDA",
    "rocm": "ROCm",
    "cudnn": "cuDNN",
    "torch": "torch",
    "diffusers": "diffusers",
    "numpy": "NumPy",
    "python": "Python",
    "system": "System",
    "processors": "Processors",
    "code": "Code",
}
SPEED = """Networks of `experiments/{experiment}.yaml` with random weights. Training: whole updates. Sampling: images
through one step of their chain. Decoding: of latents. Batch: that of the experiment, in brackets, or of its halves the
largest that fits in memory and in 5 seconds. ms: of a pass of that batch. Peak: GiB of tensors; CUDA itself has more.
"""
LOSS = "One batch, the same weights, times and noise in both precisions."
MAPS = """Flaw maps of {images} images by a highlighter with random weights, from 0 to 1. r: the lowest correlation of
an image's map in one precision with its map in the other. Mean map: what training uses.
"""
CHAIN = "The whole method at its smallest, by the library, first calls included."


def page(measured: Mapping[str, Any]) -> str:
    """The page.

    Args:
        measured: what gpu.json holds.
    """
    facts: Line = next(iter(measured["machine"]), {})
    title = facts.get("device", measured["asked"]["device"])
    sections = {
        "Machine": _machine(facts),
        "Speed": _speed(measured["speed"], measured["asked"]["experiment"]),
        "bfloat16 against float32: loss": _loss(measured["loss"]),
        "bfloat16 against float32: flaw maps": _maps(measured["maps"]),
        "Killed and resumed": _resume(measured["resume"]),
        "Smoke chain": _chain(measured["chain"]),
        "Parts": _parts(measured["parts"]),
    }
    body = "\n".join(f"## {heading}\n\n{text}" for heading, text in sections.items())
    return f"# GPU: {title}\n\n{_verdict(measured)}\n\n{body}"


def _verdict(measured: Mapping[str, Any]) -> str:
    missing = [part["part"] for part in measured["parts"] if part["fault"]]
    told = f"**Not all was measured: {'; '.join(missing)}. See Parts.**" if missing else "All parts were measured."
    return f"{told} Figures hold for a machine on which nothing else ran."


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], words: str = "") -> str:
    if not rows:
        return "Not measured.\n"
    return f"{words.strip()}\n\n{markdown_table(head, rows)}" if words else markdown_table(head, rows)


def _machine(facts: Line) -> str:
    rows = [(words, _fact(name, facts[name])) for name, words in FACTS.items() if name in facts]
    return _table(("Fact", "Value"), rows)


def _fact(name: str, value: Any) -> str:
    if value is None:
        return EMPTY
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value / GIB:.1f}" if name.endswith("_bytes") else str(value)


def _speed(lines: Sequence[Line], experiment: str) -> str:
    head = ("Network", "What", "Batch", "Precision", "Images/s", "ms", "TFLOP/s", "Peak")
    rows = [
        (
            line["network"],
            line["action"],
            f"{line['batch']} ({line['batch_of_params']})",
            line["precision"],
            number(line["images_per_second"]),
            number(1000.0 * line["seconds"]),
            number(line["teraflops"]),
            EMPTY if line["peak_bytes"] is None else f"{line['peak_bytes'] / GIB:.1f}",
        )
        for line in lines
    ]
    return _table(head, rows, SPEED.format(experiment=experiment))


def _loss(lines: Sequence[Line]) -> str:
    digits = {"float32": 6, "bfloat16": 6, "difference": 2}
    rows = [(line["network"], *(number(line[name], shown) for name, shown in digits.items())) for line in lines]
    return _table(("Network", "float32", "bfloat16", "Relative difference"), rows, LOSS)


def _maps(lines: Sequence[Line]) -> str:
    names = ("r", "difference", "mean_r", "mean_difference")
    head = ("Images", "Constant maps", "r", "Largest difference", "r of the mean map", "Largest of the mean map")
    rows = [(f"{line['size']} px", str(line["flat"]), *(number(line[name], 4) for name in names)) for line in lines]
    return _table(head, rows, MAPS.format(images=lines[0]["images"]) if lines else "")


def _resume(lines: Sequence[Line]) -> str:
    if not lines:
        return "Not measured.\n"
    (line,) = lines
    told = (
        f"A refinement of {line['updates']} updates was killed in update {line['killed_in']}, went on after update "
        f"{line['went_on_after']} and ended. Its weights beside those of an unbroken one: "
        f"{_differs(line, 'resumed_difference')}. Two unbroken ones: {_differs(line, 'unbroken_difference')}."
    )
    return f"{told}\n"


def _differs(line: Line, name: str) -> str:
    if line[name] == 0.0:
        return "equal"
    return f"they differ by {number(line[name])} at most, the largest weight being {number(line['largest_weight'])}"


def _chain(lines: Sequence[Line]) -> str:
    return _table(("Link", "Seconds"), [(line["link"], number(line["seconds"])) for line in lines], CHAIN)


def _parts(parts: Sequence[Line]) -> str:
    return "".join(f"- {part['part']}: {_ended(part)}.\n" for part in parts)


def _ended(part: Line) -> str:
    if not part["fault"]:
        return f"measured in {part['seconds']:.0f} s"
    return f"ended after {part['seconds']:.0f} s: {part['fault']}" if part["seconds"] else str(part["fault"])


def number(value: float | None, digits: int = 3) -> str:
    """A figure with so many digits that mean something; a dash where there is none."""
    if value is None:
        return EMPTY
    return f"{value:,.0f}" if abs(value) >= 10**digits else f"{value:.{digits}g}"
