"""The jobs of a plan; that they are Snakemake's is tested in tests/workflow/test_rules.py."""

from collections import Counter
from pathlib import Path

from selfrefine.cost import planned_jobs
from selfrefine.params import job_config
from selfrefine.params.experiment import read_params

ROOT = Path(__file__).parents[2]
SMOKE = job_config.merge(
    read_params(ROOT, "smoke")[0],
    {"select": {"models": ["ddpm"]}, "datasets": {"fashion_mnist": {"only": {"models": ["ddpm", "other"]}}}},
)


def stages_of(planned):
    return [job.stage for job in planned]


def test_a_seed_more_is_a_run_more_of_everything_but_data_photographs_and_tables():
    one, two = (
        Counter(
            (job.stage, "seed" in dict(job.names))
            for job in planned_jobs.of_params(job_config.merge(SMOKE, {"select": {"seeds": seeds}}), ROOT)
        )
        for seeds in ([3], [3, 8])
    )
    assert two == {(stage, of_a_seed): count * (2 if of_a_seed else 1) for (stage, of_a_seed), count in one.items()}
    once = {"fetch_data", "fetch_weights", "prepare_data", "extract_features"}
    assert {stage for stage, of_a_seed in one if not of_a_seed} == once | {
        *("prepare_study", "evaluate_study", "make_tables", "make_figures", "make_summary"),
    }


def test_a_data_set_without_critic_has_no_readouts():
    without = job_config.merge(SMOKE, {"select": {"highlighters": ["flaw"]}})
    gone = set(stages_of(planned_jobs.of_params(SMOKE, ROOT))) - set(stages_of(planned_jobs.of_params(without, ROOT)))
    assert gone == {"evaluate_readouts"}


def test_a_highlighter_of_noisy_images_is_trained_where_a_row_asks_for_it():
    without = job_config.merge(SMOKE, {"select": {"samplings": ["baseline_autoguidance"]}})
    gone = {*planned_jobs.of_params(SMOKE, ROOT)} - {*planned_jobs.of_params(without, ROOT)}
    (trained,) = [dict(job.names) for job in gone if job.stage == "train_highlighter"]
    assert trained["highlighter"] == "noisy"


def test_without_images_no_maps_are_evaluated():
    without = job_config.merge(SMOKE, {"evaluate_maps": {"n_images": 0}})
    gone = set(stages_of(planned_jobs.of_params(SMOKE, ROOT))) - set(stages_of(planned_jobs.of_params(without, ROOT)))
    assert gone == {"evaluate_maps"}


def test_a_model_runs_where_its_data_set_lets_it():
    second = {"models": {"other": SMOKE["models"]["ddpm"] | {"only": {"variants": ["baseline"]}}}}
    both = job_config.merge(SMOKE, second | {"select": {"models": ["ddpm", "other"]}})
    narrow = job_config.merge(both, {"datasets": {"fashion_mnist": {"only": {"models": ["ddpm"]}}}})
    assert stages_of(planned_jobs.of_params(both, ROOT)).count("train_refined") == 4 + 1
    assert planned_jobs.of_params(narrow, ROOT) == planned_jobs.of_params(SMOKE, ROOT)


def test_a_folder_of_images_is_not_fetched():
    mine = job_config.merge(SMOKE, {"select": {"datasets": ["my_images"]}})
    assert "fetch_data" in stages_of(planned_jobs.of_params(SMOKE, ROOT))
    assert "fetch_data" not in stages_of(planned_jobs.of_params(mine, ROOT))
