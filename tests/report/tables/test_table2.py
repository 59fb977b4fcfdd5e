"""Table 2: the paper's rows beside its figures, and the page that people read."""

import dataclasses
import math

from selfrefine.metrics.frechet import FID_NETWORK
from selfrefine.report.seed_statistics import records
from selfrefine.report.tables import table2
from tests.support.tiny_metrics import AGAIN, FD, ROWS, SAMPLINGS, generation
from tests.support.tiny_results import JUDGEMENT, REAL_PAPER, table_cells, tiny_results


def results(metrics, again=None):
    judgement = dataclasses.replace(JUDGEMENT, second_sampler=again or {})
    return tiny_results(metrics, judgement=judgement, rows=ROWS | {"samplings": SAMPLINGS})


def page_of(metrics, again=None):
    found = results(metrics, again)
    return table2.page(table2.lines(found), found)


def page(fd, seeds=1, again=None):
    return page_of(generation(fd, seeds), again)


def test_the_papers_rows_stand_in_the_table_beside_its_figures_of_fd_to_test_alone():
    table = table2.lines(results(generation(FD | {"uniform": 9.5})))
    assert list(table) == table2.COLUMNS
    assert {*table["row"]} == {"baseline", "both", "fork", "floor"}
    papers = {(line["row"], line["metric"]): line["paper"] for line in records(table)}
    assert {key: paper for key, paper in papers.items() if not math.isnan(paper)} == {
        ("baseline", "fd_test"): 8.985,
        ("both", "fd_test"): 8.369,
    }


def test_rows_of_a_second_sampler_stand_beside_their_variants():
    fd = FD | {"baseline_ancestral": 10.2, "both_ancestral": 9.9, "time_shift": 9.5}
    table = table2.lines(results(generation(fd), AGAIN))
    assert {*table["row"]} == {"baseline", "both", "fork", "floor", *AGAIN.values()}


def test_the_papers_text_states_the_changes_that_follow_from_its_figures():
    fid = REAL_PAPER[REAL_PAPER["table"] == "table2"].set_index("row")["value"]
    gains = {row: round(100.0 * (1.0 - value / fid["baseline"]), 1) for row, value in fid.items()}
    assert gains == {"baseline": 0.0, "forward": 5.2, "reverse": 6.0, "both": 6.9}


def test_page_of_one_seed():
    text = page(FD)
    primary, second = (line for line in table_cells(text, "Forward + reverse") if len(line) == 10)
    assert primary == [
        *(
            "Forward + reverse",
            "8.369",
            "-6.9 %",
            "9.000",
            "-10.0 %",
            "9.000 (no interval)",
            "-10.0 %",
            "-18.6 % to -0.5 %",
            "-",
        ),
        "not assessed",
    ]
    assert second[5] == "9.000 [8.100, 9.900]"
    assert text.index("`vgg16_conv5_gap` (primary)") < text.index("`alexnet_conv5_gap` (a second")
    assert "figures do not compare, only their changes do" in text
    assert "not assessed: fewer than 6 seeds" in text
    assert "Experiment smoke: Tiny DDPM on Shapes" in text
    assert "still improving" not in text
    assert "nan" not in text


def test_page_of_six_seeds_explains_the_verdicts_it_gives():
    text = page(FD, seeds=6)
    primary = next(line for line in table_cells(text, "Forward + reverse") if len(line) == 10)
    assert primary[-2:] == ["-10.0 % to -10.0 %", "better"]
    assert "- better: lower FD than the Baseline" in text
    assert "not assessed" not in text


def test_a_second_sampler_has_its_value_and_no_change():
    assert "second sampler" not in page(FD)
    text = page(FD | {"baseline_ancestral": 10.2, "both_ancestral": 9.9}, seeds=6, again=AGAIN)
    assert "- Baseline, ancestral; Both, ancestral: the same networks under a second sampler." in text
    primary = next(line for line in table_cells(text, "Both, ancestral") if len(line) == 10)
    assert primary[:2] == ["Both, ancestral", "-"]
    assert primary[5].startswith("10.15 [")
    assert primary[6:] == ["-"] * 4
    assert "nan" not in text


def test_an_unfinished_baseline_is_said_in_words():
    assert "**Baseline still improving: FD 50 % lower than at the fork" in page(FD | {"fork": 20.0})


def test_inceptions_name_is_the_papers_alone():
    """FID is the paper's figure on Inception features; ours is FD."""
    heads = [line for line in page(FD).splitlines() if line.startswith("|  ") and "FD to test" in line]
    assert len(heads) == 2
    assert all(cell.count("FID") == cell.count("Paper: FID") for head in heads for cell in head.split("|"))


def test_the_same_features_as_the_papers_give_the_same_name():
    metrics = [
        line | {"network": FID_NETWORK} if line["network"] == "alexnet_conv5_gap" else line for line in generation(FD)
    ]
    text = page_of(metrics)
    heads = [line for line in text.splitlines() if line.startswith("|  ") and "Paper: FID" in line]
    ours = [cell.strip() for head in heads for cell in head.split("|") if "to test" in cell]
    assert ours == ["FD to test, n 3,000", "FID to test, n 3,000"]
    assert "FID to train" in text
    assert f"In the features of `{FID_NETWORK}` FD is the FID" in text
    assert "FD is the FID" not in page(FD)


def test_fd_to_train_stands_beside_the_papers_and_few_test_images_are_warned_of():
    few = [
        line | ({"n_reference": 819} if line["metric"] == "fd_test" else {"n_reference": 7370}) | {"n_features": 2048}
        for line in generation(FD)
    ]
    text = page_of(few)
    (head, *_) = (line for line in text.splitlines() if "Paper: FID" in line and line.startswith("|"))
    cells = [cell.strip() for cell in head.split("|")]
    place = cells.index("Paper: FID")
    assert cells[place : place + 5] == [
        *("Paper: FID", "Paper: change", "FD to train, n 7,370", "Change, to train", "FD to test, n 819")
    ]
    told = "**FD to test is to 819 photographs, fewer than 2 for each of 2,048 features"
    assert text.count(told) == 2, "once in each feature space"
    assert "photographs, fewer than" not in page_of([line | {"n_reference": 4096} for line in few])
