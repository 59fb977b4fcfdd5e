"""What is told beside the listed contrasts is what controls.csv has."""

import math

from selfrefine.report.seed_statistics import records
from selfrefine.report.summary import looked_again, sentences, words
from selfrefine.report.summary.run import Change
from tests.support.tiny_summary import tiny_run, without


def test_the_second_sampler_and_other_features_are_told_of_every_variant_that_has_them():
    run = tiny_run(samplings=("baseline_ancestral", "both_ancestral"), both_ancestral=0.02)
    untrained, second, *features = looked_again.again(run)
    assert untrained == sentences.untrained(run)
    (line,) = run.lines("controls", row="both", reference="baseline", network=run.primary_network)
    expected = Change(line["second_difference"], line["second_low"], line["second_high"], 6, "")
    assert math.isfinite(expected.difference)
    assert second == (
        f"The same networks under a second sampler, {run.distance} against Baseline: Both ({words.signed(expected)})."
    )
    networks = {line["network"] for line in records(run.tables["controls"])} - {run.primary_network}
    assert len(features) == len(networks)
    for network, told in zip(sorted(networks), features, strict=True):
        assert told.startswith(f"In the features of {network}, against Baseline: ")
        assert "Both (" in told


def test_without_a_second_sampler_nothing_is_said_of_one():
    assert not [told for told in looked_again.again(tiny_run()) if "second sampler" in told]
    run = tiny_run()
    rows = {line["row"] for line in records(run.tables["controls"])}
    for row in rows:
        run = without(run, "controls", row=row)
    assert list(looked_again.again(run)) == [sentences.untrained(run)]


def test_what_the_best_noise_does_without_training_and_what_is_left_of_a_process_at_its_own():
    run = tiny_run(samplings=("baseline_best", "both_best"), both=-0.2, baseline_best=-0.3, both_best=-0.3)
    told = looked_again.best_noise(run)
    alone, left = run.contrast("baseline_best", "baseline"), run.contrast("both_best", "baseline_best")
    start = "Without any training, Baseline at the best factor of its predicted noise changes FD by -25.9 %"
    assert told.startswith(start)
    assert words.signed(alone) in told
    assert told.endswith(f"each at its own best factor: {words.grouped({'Both': left}, run)}.")
    assert math.isclose(left.difference, 0.0, abs_tol=1e-9)


def test_where_no_best_noise_was_chosen_nothing_is_said_of_it():
    assert not looked_again.best_noise(tiny_run())
    assert not looked_again.best_noise(tiny_run(samplings=("baseline_best",)))
