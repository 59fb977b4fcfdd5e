"""Rows that mend a model in other ways: what params allow, and what each row costs."""

import pytest

from selfrefine.params import job_config, row_costs
from tests.support.wrong_params import at, line_about, project_params

SAMPLES = "generate_samples"


def row(of="baseline", guided_by="fork", scale=2.0, **leaves):
    """The selected row x of samplings."""
    found = {"title": "X", "of": of} | ({"guided_by": guided_by} if guided_by else {})
    sampled = ({} if scale is None else {"guide_scale": scale}) | leaves
    return {"select": {"samplings": ["x"]}, "samplings": {"x": found | ({SAMPLES: sampled} if sampled else {})}}


def variant(name, **leaves):
    """A selected variant beside those of the experiment."""
    selected = [*project_params()["select"]["variants"], name]
    own = {name: {"title": "X", "train_refined": {"forward": "none", "reverse": "none"} | leaves}}
    return {"select": {"variants": selected}, "variants": own}


def judged(of="baseline", by="noisy", scale=1.0, row=(), **leaves):
    """The selected row x of samplings under a discriminator."""
    found = {"title": "X", "of": of} | ({"discriminated_by": by} if by else {}) | dict(row)
    sampled = ({} if scale is None else {"discriminator_scale": scale}) | leaves
    return {"select": {"samplings": ["x"]}, "samplings": {"x": found | {SAMPLES: sampled}}}


OWN = variant("own_samples", trained_on="own_samples")
X = "samplings.x"


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        (row(), None),
        (row(of="both", guided_by="forward"), None),
        (job_config.merge(OWN, row(guided_by="own_samples")), None),
        (row(scale=0.5), None),
        (
            row(guided_by=None),
            f"{X}.guided_by is missing; generate_samples.guide_scale 2 needs the network that guides",
        ),
        (
            row(scale=None),
            f"{X}.generate_samples.guide_scale is 1.0, which guides nothing; allowed beside guided_by: an",
        ),
        (
            row(scale=1.0),
            f"{X}.generate_samples.guide_scale is 1.0, which guides nothing; allowed beside guided_by: an",
        ),
        (row(guided_by="own_sample"), f"{X}.guided_by names own_sample, which is not in select.variants"),
        (row(guided_by="baseline"), f"{X}.guided_by is baseline, the network that is guided; allowed: another one, or"),
        (row(of="fork"), f"{X}.guided_by is fork, the network that is guided; allowed: another one, or fork"),
        *(
            (
                row(**other),
                f"{X}.generate_samples.{next(iter(other))} stands beside guided_by, and the row would differ",
            )
            for other in ({"steps": 20}, {"sampler": "ancestral"}, {"guidance_scale": 2.0})
        ),
        *((row(scale=scale), f"{X}.generate_samples.guide_scale is {scale}; allowed") for scale in (0, -1.0, 101.0)),
        (
            at(f"{SAMPLES}.guide_scale", 2.0),
            "generate_samples.guide_scale is 2.0; allowed: 1; a row of samplings with g",
        ),
        (
            at(f"models.ddpm.{SAMPLES}.guide_scale", 2.0),
            "models.ddpm.generate_samples.guide_scale is 2.0; allowed: 1; a row of samplings with guided_by may have",
        ),
        (OWN, None),
        (job_config.merge(OWN, at("models.uvit.only.variants", ["baseline", "both", "own_samples"])), None),
        (
            job_config.merge(OWN, at("models.ldm.only.variants", ["baseline", "reverse", "own_samples"])),
            "variants.own_samples.train_refined.trained_on is own_samples; allowed with the family ldm of models.ldm: ",
        ),
        (
            job_config.merge(OWN, at("models.stable_diffusion.only.variants", ["baseline", "reverse", "own_samples"])),
            "variants.own_samples.train_refined.trained_on is own_samples; allowed with the family stable_diffusion ",
        ),
        *(
            (
                variant("own_samples", trained_on="own_samples", **process),
                "variants.own_samples.train_refined.trained_on is own_samples; allowed: photographs unless forward and",
            )
            for process in ({"forward": "xt"}, {"reverse": "kv"})
        ),
        (variant("x", trained_on="fakes"), "variants.x.train_refined.trained_on is "),
        *((variant("x", min_snr_gamma=gamma), None) for gamma in (0.0, 5.0)),
        (variant("x", min_snr_gamma=-1.0), "variants.x.train_refined.min_snr_gamma is -1.0; allowed"),
        *(
            (
                job_config.merge(variant("min_snr", min_snr_gamma=5.0), at(f"models.{model}.only.variants", names)),
                None,
            )
            for model, names in (
                ("improved_ddpm", ["baseline", "both", "min_snr"]),
                ("uvit", ["baseline", "both", "min_snr"]),
                ("ldm", ["baseline", "reverse", "min_snr"]),
                ("stable_diffusion", ["baseline", "reverse", "min_snr"]),
            )
        ),
        *(
            (job_config.merge(row(), at(f"models.{model}.only.samplings", ["x"])), None)
            for model in ("improved_ddpm", "uvit", "ldm", "stable_diffusion")
        ),
    ],
)
def test_rivals_run_or_are_refused_in_one_line(changed, line):
    told = line_about(changed)
    assert told is None if line is None else told.startswith(f"params.yaml: {line}")


NOISED = "train_highlighter.noised"


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        (judged(), None),
        (judged(of="fork", scale=0.5), None),
        (
            judged(by=None),
            f"{X}.discriminated_by is missing; generate_samples.discriminator_scale 1 needs a highlighter",
        ),
        *(
            (judged(scale=scale), f"{X}.{SAMPLES}.discriminator_scale is 0.0, which guides nothing; allowed beside d")
            for scale in (None, 0.0)
        ),
        *((judged(scale=scale), f"{X}.{SAMPLES}.discriminator_scale is {scale}; allowed") for scale in (-1.0, 101.0)),
        (judged(by="nosy"), f"{X}.discriminated_by is nosy, which is no row of highlighters; did you mean noisy?"),
        (
            judged(by="second"),
            f"{X}.discriminated_by is second, whose {NOISED} is false; allowed: a highlighter of noisy",
        ),
        *(
            (
                judged(**other),
                f"{X}.{SAMPLES}.{next(iter(other))} stands beside discriminated_by, and the row would differ",
            )
            for other in ({"steps": 20}, {"sampler": "ancestral"}, {"eps_scale": 1.01})
        ),
        (
            judged(row={"guided_by": "fork"}, guide_scale=2.0),
            f"{X}.{SAMPLES}.discriminator_scale stands beside guided_by, and the row would differ from its variant in",
        ),
        (
            job_config.merge(judged(), at("highlighters.noisy.train_highlighter.shortcut_guard", True)),
            "highlighters.noisy.train_highlighter.shortcut_guard is true; allowed beside noised: false, since guarded",
        ),
        (
            job_config.merge(judged(), at("highlighters.noisy.train_highlighter.draw", 2)),
            "generate_fakes.n_images is 896; allowed: at least 1280: shared.n_fakes, which is 384, for each of 3 draws",
        ),
        *(
            (
                job_config.merge(judged(), at(f"models.{model}.only.samplings", ["x"])),
                f"{X}.discriminated_by is noisy; allowed with the family {model} of models.{model}: none, since "
                if model in job_config.LATENT_FAMILIES
                else None,
            )
            for model in ("improved_ddpm", "uvit", "ldm", "stable_diffusion")
        ),
        (
            at(f"{SAMPLES}.discriminator_scale", 1.0),
            "generate_samples.discriminator_scale is 1.0; allowed: 0; a row of samplings with discriminated_by may",
        ),
        (
            at("select.highlighters", ["flaw", "second", "noisy"]),
            f"highlighters.noisy.{NOISED} is true for noisy, which is in select.highlighters; allowed: false there; a ",
        ),
        (at(NOISED, True), f"{NOISED} is true for flaw, which is in select.highlighters; allowed: false there; a high"),
    ],
)
def test_a_discriminator_guides_or_is_refused_in_one_line(changed, line):
    told = line_about(changed)
    assert told is None if line is None else told.startswith(f"params.yaml: {line}")


def test_two_guides_of_one_variant_are_no_two_samplers_of_it():
    """Beside a second sampler, too."""
    rows = {"title": "X", "of": "both", SAMPLES: {"guide_scale": 2.0}}
    samplings = {"one": rows | {"guided_by": "fork"}, "two": rows | {"guided_by": "baseline"}}
    selected = {"select": {"samplings": ["one", "two", "both_ancestral", "baseline_ancestral"]}}
    assert line_about(selected | {"samplings": samplings}) is None


SMOKE = project_params("smoke")


def costs(changes=None, model="ddpm"):
    params = job_config.merge(SMOKE, changes or {})
    rows = job_config.job(params, "make_tables", {})["rows"]
    return rows["datasets"]["fashion_mnist"]["models"][model]["costs"]


def test_costs_are_sums_on_paper():
    """Base 8, refinement 4 updates; two steps of sampling."""
    assert costs() == {
        "fork": [8, 2],
        "baseline": [12, 2],
        "both": [12, 2],
        "min_snr": [12, 2],
        "own_samples": [12, 2],
        "baseline_time_shift": [12, 2],
        "fork_noise_1010": [8, 2],
        "fork_best_noise": [8, 2],
        "baseline_best_noise": [12, 2],
        "both_best_noise": [12, 2],
        "baseline_autoguidance": [12, 4],
        "baseline_negative": [16, 4],
        "baseline_discriminator": [16, 4],
    }


def test_longer_refinement_other_steps_and_guided_prompts_cost_more():
    longer = {"variants": {"min_snr": {"train_refined": {"extra_steps": 0.8}}}}
    assert costs(longer)["min_snr"] == [15, 2]
    assert costs(at("samplings.fork_noise_1010.generate_samples.steps", 7))["fork_noise_1010"] == [8, 7]
    prompted = at("models.stable_diffusion.generate_samples", {"guidance_scale": 3.0})
    assert costs(prompted, "stable_diffusion")["both"] == [12, 4]


def test_a_discriminator_costs_its_own_updates_and_a_pass_a_step():
    longer = {"highlighters": {"noisy": {"train_highlighter": {"steps": 9}}}}
    assert costs(longer)["baseline_discriminator"] == [8 + 4 + 9, 2 * 2]
    assert costs(longer)["both"] == [12, 2], "of other highlighters nothing is counted"
    assert costs(at("samplings.baseline_discriminator.of", "fork"))["baseline_discriminator"] == [8 + 4, 2 * 2]


@pytest.mark.parametrize(
    ("guidance", "guide", "expected"), [(1.0, 1.0, 1), (2.0, 1.0, 2), (1.0, 2.0, 2), (2.0, 0.5, 4)]
)
def test_each_guidance_doubles_the_evaluations(guidance, guide, expected):
    assert row_costs.passes({"guidance_scale": guidance, "guide_scale": guide}) == expected
