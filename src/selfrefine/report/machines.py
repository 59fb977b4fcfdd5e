"""Whether the results behind a table come from unlike machines: another version, device, precision, number of threads.

Each job's config.json keeps what it computed with; the records of all jobs before it are found by its inputs.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from selfrefine.core import files
from selfrefine.core.names import PROVENANCE

HEADING = "## Unlike machines"
UNKNOWN = "not recorded"  # of a job of an older version
FETCHED = "fetch_"  # stages that only copy: what they ran on changes nothing
WORDS = {
    "torch": "torch",
    "diffusers": "diffusers",
    "numpy": "NumPy",
    "device": "device",
    "precision": "precision",
    "threads": "threads of a job",
    "instructions": "instruction set of the processor",
}
Machines = Mapping[str, Mapping[str, int]]  # fact -> its values -> number of jobs


def behind(paths: Iterable[Path]) -> dict[str, dict[str, int]]:
    """Facts that are not the same in all jobs behind some outputs, with their values; empty where all are alike.

    Args:
        paths: outputs of jobs, beside which their config.json lies; others are passed over.
    """
    found: dict[str, dict[str, int]] = {name: {} for name in WORDS}
    left, seen = list(paths), set[Path]()
    while left:
        record = left.pop().parent / "config.json"
        if record in seen or not record.is_file() or any(part.startswith(FETCHED) for part in record.parts):
            continue
        seen.add(record)
        provenance = files.read_json(record).get(PROVENANCE, {})
        left += map(Path, provenance.get("inputs", ()))
        machine = provenance.get("machine", dict.fromkeys(WORDS, UNKNOWN))
        for name, value in machine.items():
            if name in WORDS:
                found[name][value] = found[name].get(value, 0) + 1
    return {name: values for name, values in found.items() if len(values) > 1}


def mixed_words(mixed: Machines) -> str:
    """What a page says of them; nothing where all is alike."""
    if not mixed:
        return ""
    lines = []
    for name, values in mixed.items():
        told = [f"{value} ({count:,} job{'s' * (count > 1)})" for value, count in sorted(values.items())]
        lines.append(f"- {WORDS[name]}: {', '.join(told)}.\n")
    return (
        f"\n{HEADING}\n\nThe jobs behind these figures did not all run alike. Another instruction set or "
        "version changes last bits, from which a training run departs; another precision changes more. Rows that "
        f"differ in this, too, are no fair comparison.\n\n{''.join(lines)}"
    )
