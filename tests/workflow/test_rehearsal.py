"""`selfrefine rehearse` at a fraction, with two families: the whole of it by the user's own command.

Networks are small here, and VGG16 sees 64 px: one update of the paper's U-ViT takes a processor a minute. All else is
the command's.
"""

from pathlib import Path

import pandas as pd
import pytest

from tests.support.project import Project

TINY = (
    "models={ddpm: {train_base: {network: {block_out_channels: [8, 8, 8, 8], attention: [false, false, false, true], "
    "layers_per_block: 1, norm_num_groups: 4, attention_head_dim: 8}}}, "
    "uvit: {train_base: {network: {dim: 16, depth: 2, heads: 2}}}}"
)
# Of Inception's 2,048 features a square root takes a processor seconds, and there are dozens of them.
CHEAP = " ".join(
    f"'{leaves}'"
    for leaves in (
        "extract_features={networks: [vgg16_conv5_gap]}",
        "evaluate_inpainting={networks: [vgg16_conv5_gap]}",
        "make_tables={primary_network: vgg16_conv5_gap}",
        "select={seeds: [0]}",
        "train_highlighter={input_size: 64}",
        "evaluate_readouts={input_size: 64}",
    )
)
ROWS = "--datasets celeba_hq celeba_hq_64 --models ddpm uvit --variants baseline both"
COMMAND = f"selfrefine rehearse --fraction 0.0001 {ROWS} --tflops 1 --config '{TINY}' {CHEAP}"
LARGE = 2**20  # bytes of a stage's files, from which on small ones that a plan leaves out do not show


def files(root: Path) -> set[str]:
    """All files but those of git and caches of Python."""
    names = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    ours = {name for name in names if not name.startswith((".git/", "scratch/rehearsal/"))}
    return {name for name in ours if "__pycache__" not in name}


@pytest.mark.slow
def test_two_families_end_to_end_in_a_folder_of_their_own(fresh: Project) -> None:
    before = files(fresh.root)
    told = fresh.run(COMMAND)
    assert files(fresh.root) == before, "nothing lies among a person's files"
    assert told.index(" are free for it.") < told.index("images that show nothing"), "the disk is told before"
    place = fresh.root / "scratch" / "rehearsal"
    table = pd.read_csv(place / "rehearsal.csv").set_index("stage")
    assert {"fetch_weights", "prepare_data", "train_base", "evaluate_readouts", "make_summary"} <= set(table.index)
    assert (table[["files", "seconds", "peak_mib"]] > 0).all(axis=None)
    large = table[table["planned_disk_bytes"] > LARGE]
    assert len(large) >= 4
    assert (large["planned_disk_bytes"] / large["disk_bytes"]).between(0.7, 1.3).all(), large
    held = table.loc[["train_highlighter", "train_refined", "generate_fakes", "evaluate_generation"]]
    assert (held["planned_peak_mib"] / held["peak_mib"]).between(0.7, 1.3).all(), held
    for number in (1, 2, 6):
        assert (place / "results" / "tables" / "rehearsal" / f"table{number}.csv").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("--fraction 0", "selfrefine rehearse: --fraction: 0 given; allowed: numbers above 0, at most 1; "),
        ("--fraction 0.01 --datasets fashion_mnist", "selfrefine rehearse: "),
    ],
)
def test_what_cannot_be_rehearsed_is_one_line_and_nothing_is_made(fresh: Project, words: str, line: str) -> None:
    (told,) = fresh.refuse(f"selfrefine rehearse {words} --tflops 1")
    assert told.startswith(line)
    assert not (fresh.root / "scratch").exists()
