"""What a finished run found, in its own ten sentences, and where to read on."""

from pathlib import Path

HEADING = "# What this run says"  # of the section of the summary that is shown


def lines(root: Path, experiment: str) -> list[str]:
    """The first sentences of an experiment's summary and the paths of its pages; none without a summary."""
    folder = root / "results" / "summary" / experiment
    summary = folder / "summary.md"
    if not summary.is_file():
        return []
    _, _, below = summary.read_text(encoding="utf-8").partition(HEADING)
    section = below.partition("\n#")[0]
    said = [line for line in section.splitlines() if line.startswith("- ")]
    return [*said, *(str(path) for path in (folder / "index.html", summary) if path.is_file())]
