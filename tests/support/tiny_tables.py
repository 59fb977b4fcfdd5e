"""A job of make_tables on files of imagined metrics."""

import pandas as pd

from selfrefine.core import files
from selfrefine.core.job import Job
from selfrefine.stages.make_tables import Config, Inputs, Outputs
from tests.support import tiny_maps, tiny_picks
from tests.support.tiny_metrics import FD, NOISE, PAPER, ROWS, generation, highlighter, scales
from tests.support.tiny_refined import readouts, refined
from tests.support.tiny_stage_metrics import inpainting_metrics, prompt_metrics, round_trip_metrics

TABLES = ("table1", "table2", "table3", "table4", "table5", "table6", "table7", "maps", "controls", "table_study")
OUTPUTS = [f"{name}.{kind}" for name in TABLES for kind in ("csv", "md")]
OUTPUTS.insert(2, "autoencoder.csv")
OUTPUTS += [
    "noise_scale.csv",
    "sweep.csv",
    "sweep.md",
    "sweep.png",
    "planted_sizes.png",
    "strength.csv",
    "strength.png",
    "forest.png",
    "summary.json",
]
NAMES = {"dataset": "shapes", "model": "tiny", "seed": "0"}


def autoencoders(folder, latent):
    """Config, folder and round trip of one autoencoder; none without a latent family."""
    if not latent:
        return (), (), ()
    names, model = NAMES, {"_class_name": "VQModel", "block_out_channels": [8, 16], "latent_channels": 3}
    files.write_json(folder / "first.json", {"names": names, "folder": ""})
    (folder / "autoencoder").mkdir()
    files.write_json(folder / "autoencoder" / "config.json", model | {"num_vq_embeddings": 16})
    files.write_table(folder / "round_trip.csv", pd.DataFrame(round_trip_metrics(31.5, model="tiny")))
    return (folder / "first.json",), (folder / "autoencoder",), (folder / "round_trip.csv",)


def study(folder, people):
    """Metrics of one study; none if `people` is None."""
    if people is None:
        return ()
    files.write_table(folder / "study.csv", pd.DataFrame(tiny_picks.metrics(people)))
    return (folder / "study.csv",)


def build(tmp_path, extra=(), fd=FD, seeds=2, latent=False, scaled=False, people=None, **changes):
    """A job of make_tables on the metrics of some seeds, each in its file; `changes` replace leaves of its config."""
    variants = [row for row in fd if row not in ("fork", "floor")]
    samplings = NOISE if scaled else {}
    measured = fd | dict.fromkeys(samplings, 9.0)
    metrics = {
        "generation": [*generation(measured, seeds), *extra],
        "highlighter": highlighter(seeds),
        "maps": tiny_maps.metrics(seeds),
        "correlations": tiny_maps.correlations(seeds),
        "readouts": readouts(variants, seeds),
        "inpainting": inpainting_metrics(range(seeds)),
        "prompts": prompt_metrics(range(seeds)),
    }
    paths = {}
    for name, lines in metrics.items():
        paths[name] = tuple(tmp_path / f"{name}{seed}.csv" for seed in range(seeds))
        for seed, path in enumerate(paths[name]):
            files.write_table(path, pd.DataFrame([line for line in lines if line["seed"] == seed]))
    for number, run_of_variant in enumerate(refined(variants, seeds)):
        files.write_json(tmp_path / f"config{number}.json", run_of_variant.config)
        files.write_table(tmp_path / f"refreshes{number}.csv", run_of_variant.refreshes)
    for name, kind in (("config", "json"), ("refreshes", "csv")):
        paths[name] = tuple(tmp_path / f"{name}{number}.{kind}" for number in range(len(variants) * seeds))
    files.write_table(tmp_path / "paper_values.csv", pd.DataFrame(PAPER))
    tried = []
    for (row, seed), lines in pd.DataFrame(scales(seeds)).groupby(["variant", "seed"]):
        if scaled:
            tried.append(tmp_path / f"scales_{row}{seed}.csv")
            files.write_table(tried[-1], lines)
    values = {
        "names": {},
        "experiment": "smoke",
        "select": {"datasets": ["shapes"], "models": ["tiny"], "variants": variants, "seeds": list(range(seeds))},
        "rows": ROWS | {"variants": {row: {"title": row.capitalize()} for row in variants}, "samplings": samplings},
        "primary_network": "vgg16_conv5_gap",
        "reference": "baseline",
        "map_of": "both",
        "equivalence_margin": 0.017,
        "minimum_seeds": 6,
        "confirmatory": (),
    }
    inputs = Inputs(
        *(paths[name] for name in (*metrics, "config", "refreshes")),
        *autoencoders(tmp_path, latent),
        tuple(tried),
        study(tmp_path, people),
        tmp_path / "paper_values.csv",
    )
    outputs = Outputs(*(tmp_path / name for name in OUTPUTS))
    return Job("make_tables", Config(**values | changes), inputs, outputs)
