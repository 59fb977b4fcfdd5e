"""The sentences that stand at the end of a run."""

import pytest

from selfrefine.commands.run_results import lines

SENTENCES = ["- Training works: 3 of 3.", "- No verdict: 1 seed."]


@pytest.mark.parametrize("after", ["", "\n## Figures\n\n- not this\n", "\n# Next\n- nor that\n"])
def test_the_first_section_and_the_pages(tmp_path, after):
    folder = tmp_path / "results" / "summary" / "smoke"
    folder.mkdir(parents=True)
    (folder / "summary.md").write_text("\n".join(["# What this run says", "", *SENTENCES, after]))
    assert lines(tmp_path, "smoke") == [*SENTENCES, str(folder / "summary.md")]
    (folder / "index.html").touch()
    assert lines(tmp_path, "smoke") == [*SENTENCES, str(folder / "index.html"), str(folder / "summary.md")]


def test_no_summary_is_no_line(tmp_path):
    assert lines(tmp_path, "smoke") == []
