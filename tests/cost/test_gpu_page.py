"""The page of a GPU from its JSON: every figure, what differs, what is not finite, what is missing."""

import json
from typing import Any

import pytest

from selfrefine.cost import gpu_page
from selfrefine.report.markdown import EMPTY

GIB = 2**30
SPEED = {"network": "DDPM, 128 px", "action": "training", "precision": "bfloat16", "batch": 4, "batch_of_params": 8}
SPEED |= {"seconds": 0.0625, "images_per_second": 64.0, "teraflops": 25.5, "peak_bytes": 3 * GIB // 2}
RESUME = {"updates": 8, "killed_in": 5, "went_on_after": 3, "largest_weight": 0.5}
RESUME |= {"resumed_difference": 0.0, "unbroken_difference": 0.0}
MAPS = {"size": 128, "input_size": 128, "images": 16, "flat": 1, "r": 0.9876, "difference": 0.25}
MAPS |= {"mean_r": 0.9987, "mean_difference": 0.0125}
MEASURED: dict[str, Any] = {
    "format": 1,
    "asked": {"device": "cuda", "experiment": "paper", "seconds": 300},
    "machine": [{"device": "NVIDIA H0", "memory_bytes": 80 * GIB, "driver": "570.86.15", "rocm": None, "gpus": 2}],
    "speed": [SPEED, SPEED | {"action": "decoding", "images_per_second": 12345.6, "peak_bytes": None}],
    "loss": [{"network": "DDPM, 128 px", "float32": 1.00012, "bfloat16": 1.0, "difference": 0.00012}],
    "maps": [MAPS],
    "resume": [RESUME],
    "chain": [{"link": "refinement", "seconds": 1.25}],
    "parts": [{"part": "machine", "seconds": 9.5, "fault": "", "traceback": ""}],
}


def page(**changes):
    """The page of what came back from JSON, its columns without padding."""
    text = gpu_page.page(json.loads(json.dumps(MEASURED | changes)))
    return "\n".join(" | ".join(cell.strip() for cell in line.split("|")) for line in text.splitlines())


def test_every_figure_is_on_the_page():
    text = page()
    assert text.startswith("# GPU: NVIDIA H0\n")
    for row in (
        "| Memory, GiB | 80.0 |",
        "| Driver | 570.86.15 |",
        f"| ROCm | {EMPTY} |",
        "| DDPM, 128 px | training | 4 (8) | bfloat16 | 64 | 62.5 | 25.5 | 1.5 |",
        f"| DDPM, 128 px | decoding | 4 (8) | bfloat16 | 12,346 | 62.5 | 25.5 | {EMPTY} |",
        "| DDPM, 128 px | 1.00012 | 1 | 0.00012 |",
        "| 128 px | 1 | 0.9876 | 0.25 | 0.9987 | 0.0125 |",
        "| refinement | 1.25 |",
    ):
        assert row in text
    assert (
        "killed in update 5, went on after update 3 and ended. Its weights beside those of an unbroken one: equal"
        in text
    )
    assert "All parts were measured." in text
    assert "`experiments/paper.yaml`" in text
    assert max(map(len, gpu_page.page(MEASURED).splitlines())) < 400


@pytest.mark.parametrize("which", ["resumed_difference", "unbroken_difference"])
def test_weights_that_differ_are_told_with_their_size(which):
    text = page(resume=[RESUME | {which: 3.0e-8}])
    assert text.count("they differ by 3e-08 at most, the largest weight being 0.5") == 1
    assert text.count("equal.") + text.count("equal. Two") >= 1


def test_what_is_not_finite_is_a_dash():
    loss = {"network": "U-ViT", "float32": 0.5, "bfloat16": None, "difference": None}
    assert f"| U-ViT | 0.5 | {EMPTY} | {EMPTY} |" in page(loss=[loss])
    assert f"| 128 px | 16 | {EMPTY} | 0.25 |" in page(maps=[MAPS | {"flat": 16, "r": None}])


@pytest.mark.parametrize("section", ["machine", "speed", "loss", "maps", "resume", "chain"])
def test_a_section_without_lines_says_so(section):
    text = page(**{section: []})
    assert text.count("Not measured.") == 1
    assert text.startswith("# GPU: cuda" if section == "machine" else "# GPU: NVIDIA H0")


def test_faults_are_told_at_the_top_and_with_their_reason():
    parts = [
        {"part": "machine", "seconds": 9.5, "fault": "", "traceback": ""},
        {"part": "U-ViT, 64 px", "seconds": 60.04, "fault": "time was up", "traceback": ""},
        {"part": "LDM, 256 px", "seconds": 0.0, "fault": "not measured: time was up", "traceback": ""},
    ]
    text = page(parts=parts)
    assert "**Not all was measured: U-ViT, 64 px; LDM, 256 px. See Parts.**" in text
    assert "- machine: measured in 10 s.\n- U-ViT, 64 px: ended after 60 s: time was up.\n" in text
    assert text.endswith("- LDM, 256 px: not measured: time was up.")


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(0.0, 3, "0"), (999.4, 3, "999"), (1000.0, 3, "1,000"), (12.34, 3, "12.3"), (1e-9, 3, "1e-09"), (None, 3, EMPTY)],
)
def test_figures_have_the_digits_that_mean_something(value, digits, text):
    assert gpu_page.number(value, digits) == text
