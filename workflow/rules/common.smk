"""Functions of the Snakefile and the rules. Only this file reads the params, and it holds no rule."""

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

from selfrefine.commands import records, run_lines, run_stage, stored
from selfrefine.core import devices
from selfrefine.core.config_json import to_json
from selfrefine.core.errors import InputError
from selfrefine.core.names import BEST, FEATURE_WEIGHTS, FLAW, FORK
from selfrefine.data import counted_images, user_files
from selfrefine.params import check as params_check
from selfrefine.params import (
    code_digest,
    discriminators,
    experiment,
    job_config,
    model_kinds,
    one_table,
    requests,
    required_folders,
    strict_yaml,
)


def read_params():
    """Fills `config` with params.yaml, its overlay and what the command line lays over both, or ends with one line.

    Snakemake's own reader is no part of this: it runs Python that stands in a file, and takes 1e-05 for a text.
    """
    try:
        given = [(os.path.relpath(path), strict_yaml.read(Path(path))) for path in workflow.overwrite_configfiles]
        given.append(("--config", experiment.given_words(workflow.config_settings.config_args or [])))
        values = experiment.laid_over(Path(), given)
        if line := params_check.check(values, given=given, count=counted_images.count):
            sys.exit(line)
        requests.planned(values["experiment"])
    except InputError as error:
        sys.exit(str(error))
    config.clear()
    config.update(values)
    records.answer(config)
    stored.follow(workflow)
    run_lines.follow(workflow, config["experiment"])
    workflow.global_resources.setdefault("mem_mb", devices.memory_mib())  # of all jobs that run side by side here
    if baseline := os.environ.get("DVC_EXP_BASELINE_REV"):  # `dvc exp run`, perhaps with -S
        told = subprocess.run(["git", "show", f"{baseline}:./params.yaml"], capture_output=True, text=True)
        if told.returncode == 0:
            for line in experiment.overruled(strict_yaml.parse(told.stdout, baseline), Path()):
                print(line, file=sys.stderr)


def keep_jobs_on_their_nodes():
    """Lets no job of a cluster be forked from the server of this run, which is not bound to what the job was given."""
    if not workflow.local_exec:
        run_stage.withdraw()


def tell_missing_photographs():
    """Says in one line of each folder of photographs that is not there what is used in its place."""
    for dataset, folder in required_folders.replaced(config):
        print(f"{folder}: no such folder; {dataset} is used as it was prepared from it before", file=sys.stderr)


def stop_at_missing_photographs(jobs):
    """Ends with one line if data were to be prepared anew from a folder that is not there: Snakemake would delete them first."""
    if workflow.touch:
        return
    for job in jobs:
        folder = preparation(job.wildcards.dataset).get("folder") if job.rule.name == "prepare_data" else None
        if folder is not None and not Path(folder).is_dir():
            sys.exit(
                f"{folder}: no such folder, and {job.output.train_images} would be made of it anew; put the images there, "
                f"or undo what changed: selfrefine why {job.output.train_images}"
            )


def stop_at_future_dates(jobs):
    """Ends with one line if an input is dated in the future: after the job Snakemake would delete what it made."""
    now = time.time()
    for path in [Path(file) for job in jobs for file in job.input]:
        dated = path / ".snakemake_timestamp" if path.is_dir() else path
        if dated.exists() and dated.stat().st_mtime > now:
            sys.exit(
                f"{path}: dated in the future ({time.ctime(dated.stat().st_mtime)}), which Snakemake takes for a wrong "
                f"clock after the job; set the clock, or say: touch {shlex.quote(str(dated))}"
            )


def stop_at_read_only_folders(jobs):
    """Ends with one line if a job could not write where it must; Snakemake alone would show a traceback."""
    for path in [Path(file) for job in jobs for file in [*job.output, *job.log]]:
        folder = next(parent for parent in path.parents if parent.exists())
        if not (folder.is_dir() and os.access(folder, os.W_OK)):
            sys.exit(f"{folder}: not a folder that can be written; {path} belongs there; chmod u+w it, or move it away")


def stop_at_results_not_stored(jobs):
    """Ends with one line if jobs would make again what is finished here, only since the store does not have it."""
    if found := stored.only_here(jobs):
        sys.exit(
            f"{found[0]}: one of {len(found)} results that are here and not in "
            f"{workflow.storage_settings.default_storage_prefix}, and would be made again; copy data/, models/ and "
            "results/ there, or run in a fresh clone"
        )


def current_experiment():
    """Its name: files of other experiments follow from other params."""
    return config["experiment"]


def selected(section, dataset=None, model=None):
    """What runs, on a data set, with a model: selected rows or seeds, in the order of the params. Sources and weights follow from them."""
    if section == "sources":
        sections = [preparation(name) for name in selected("datasets")]
        return sorted({section["source"] for section in sections if "source" in section})
    return (
        job_config.selected(config, section, dataset, model) if section in config["select"] else list(config[section])
    )


def selected_here(section, wildcards):
    """What runs on a job's data set with its model."""
    return selected(section, wildcards.dataset, wildcards.model)


def first_run(*names):
    """The first selected data set, model and seed, or the first of those named."""
    return {name: selected(f"{name}s")[:1] for name in names or ("dataset", "model", "seed")}


def any_row(section, *others):
    """Regular expression of the names of all rows: files of rows that are not selected can be asked for, too."""
    return "|".join([*config[section], *others])


def config_of(stage):
    """A function of wildcards: the config of a job of the stage, as JSON."""

    def config_json(wildcards):
        names = {name: value for name, value in wildcards.items() if name != "experiment"}
        values = one_table.job(config, stage, names)
        if user_files.folders_of(stage, values):
            record = Path(str(getattr(rules, stage).output.config).format(**dict(wildcards.items())))
            values = user_files.watched(stage, values, record)
        return to_json(values)

    return config_json


def code_of(stage):
    """A function of wildcards: the digest of the code that a job of the stage runs."""

    def digest(wildcards):
        return code_digest.digest(stage, model_kinds.family(config, dict(wildcards.items())))

    return digest


def threads_of_a_job(_wildcards):
    """The threads of a job that computes, on whatever machine."""
    return config["shared"]["threads"]


def gpus(_wildcards):
    """The GPUs that a job which computes with torch takes: none where it would find none."""
    device = config["shared"]["device"]
    return int(device != "cpu" and (device != "auto" or not workflow.local_exec or devices.has_gpu()))


def memory_of(stage):
    """A function of wildcards: MiB that a job of the stage may take.

    Here what its plan says, else the measured peak with a margin, at most all there is; on a cluster more after a failure.
    """

    def mem_mb(_wildcards, attempt):
        if workflow.local_exec:
            return min(requests.mib_here(current_experiment(), stage), devices.memory_mib())
        return requests.mib(current_experiment(), stage, attempt)

    return mem_mb


def runtime_of(stage):
    """A function of wildcards: minutes that a job of the stage asks a cluster for; nothing bounds it here."""

    def runtime(_wildcards, attempt):
        return requests.minutes(current_experiment(), stage, attempt)

    return runtime


def preparation(dataset):
    """How a data set is prepared: of a source, or of a folder."""
    return job_config.job(config, "prepare_data", {"dataset": dataset})


def idx_files(content):
    """A function of wildcards: the source's `images-idx3` or `labels-idx1` of train and test; none for a folder."""

    def paths(wildcards):
        section = preparation(wildcards.dataset)
        names = [f"{split}-{content}-ubyte" for split in ("train", "t10k")] if "source" in section else []
        return [f"data/fetch_data/{section['source']}/{name}" for name in names]

    return paths


def runs(rule_name, output=None, **chosen):
    """Files of the selected runs of a rule, by data set, then model, row, seed, each in the order of `select`.

    `output` names one of its files; `chosen` puts other values in the place of a wildcard's selected ones.
    """
    files = getattr(rules, rule_name).output
    paths = [str(file) for file in ([files[output]] if output else files)]
    found = []
    datasets, models = (chosen.pop(name, selected(f"{name}s")) for name in ("dataset", "model"))
    pairs = [(dataset, model) for dataset in datasets for model in selected("models", dataset) if model in models]
    for dataset, model in pairs:
        wildcards = {
            "experiment": current_experiment(),
            "source": selected("sources"),
            "weights": selected("weights"),
            "dataset": dataset,
            "model": model,
            "highlighter": discriminators.trained_highlighters(config, dataset, model),
            "variant": rows_of_rule(rule_name, dataset, model),
            "mask": selected("masks", dataset, model),
            "human_mark": selected("human_marks"),
            "study": selected("studies", dataset, model),
            "text_encoder": model_kinds.text_encoder(config, dataset, model),
            "table": one_table.TABLES,
            "seed": selected("seeds", dataset, model),
        }
        if rule_name == "inpaint_images":
            wildcards["variant"] = job_config.inpainted(config, model)
        if model_kinds.is_evaluated(config, rule_name, dataset, model):
            found += expand(paths, **wildcards | chosen)
    return list(dict.fromkeys(found))  # what belongs to no data set is found for each


def table_alone(table):
    """The files of one table with just what it needs."""
    folder = f"results/make_table/{current_experiment()}/{table}"
    return [f"{folder}/{table}.csv", f"{folder}/{table}.md"]


def read_by_table(stage, output):
    """A function of wildcards: a file of each job of the stage that a table alone reads."""

    def paths(wildcards):
        found = []
        for names in one_table.read(config, wildcards.table, stage):
            files = getattr(rules, f"{stage}_table" if "table" in names else stage).output
            found.append(str(files[output]).format(experiment=wildcards.experiment, **names))
        return found

    return paths


def rows_of_rule(rule_name, dataset, model):
    """What the wildcard `variant` stands for in the selected runs of a rule, on a data set with a model."""
    if rule_name == "choose_eps_scale":
        return job_config.with_best_scale(config, dataset, model)
    return selected("samplings" if rule_name == "generate_samples_other" else "variants", dataset, model)


def samples_of_data_sets():
    """Samples of the variants of every data set, of its main model and the first seed."""
    mains = {name: job_config.main_model(config, name) for name in selected("datasets")}
    kept = [{"dataset": [name], "model": [model]} for name, model in mains.items() if model]
    return [path for run in kept for path in runs("generate_samples", output="images", **first_run("seed"), **run)]


def samples_of_families():
    """Samples of the two rows of Table 1 of each selected model, on its data set there and the first seed."""
    first, found = first_run("seed"), []
    for model in selected("models"):
        if dataset := job_config.home(config, model):
            for variant in (config["shared"]["reference"], config["models"][model]["self_refining"]):
                run = {"dataset": [dataset], "model": [model], "variant": [variant], **first}
                found += runs("generate_samples", output="images", **run)
    return found


def given_autoencoder(wildcards):
    """Config and weights of the autoencoder in the folder that the params name; none where it is trained."""
    names = {"dataset": wildcards.dataset, "model": wildcards.model}
    folder = job_config.job(config, "train_autoencoder", names)["folder"]
    return [local(f"{folder}/{name}") for name in ("config.json", "diffusion_pytorch_model.safetensors") if folder]


def given_network(wildcards):
    """Config and weights of the network in the folder that the params name, which training begins with; none for random ones."""
    names = {"dataset": wildcards.dataset, "model": wildcards.model}
    folder = job_config.job(config, "train_base", names)["pretrained"]
    return [local(f"{folder}/{name}") for name in ("config.json", "diffusion_pytorch_model.safetensors") if folder]


def own_samples_of(wildcards):
    """The base model's own samples, for a variant that learns from them; none of another."""
    names = {name: wildcards[name] for name in ("dataset", "model", "variant")}
    own = job_config.job(config, "train_refined", names)["trained_on"] == "own_samples"
    return [fakes_of(wildcards)] if own else []


def autoencoder_of(wildcards):
    """The autoencoder of the job's own run; none of a family that works on pixels."""
    run = f"{wildcards.experiment}/{wildcards.dataset}/{wildcards.model}/seed{wildcards.seed}"
    latent = job_config.is_latent(config, wildcards.dataset, wildcards.model)
    return [f"models/train_autoencoder/{run}/autoencoder"] if latent else []


def latents_of(wildcards):
    """The latents of the job's training images; none of a family that works on pixels."""
    run = f"{wildcards.experiment}/{wildcards.dataset}/{wildcards.model}/seed{wildcards.seed}"
    latent = job_config.is_latent(config, wildcards.dataset, wildcards.model)
    return [f"data/encode_data/{run}/latents.npy"] if latent else []


def text_encoder_of(wildcards):
    """The text encoder of the job's model; none of a family that takes no prompts."""
    dataset, model = wildcards.dataset, wildcards.model
    name = model_kinds.text_encoder(config, dataset, model)
    prompted = job_config.is_prompted(config, dataset, model)
    return [f"models/fetch_text_encoder/{name}/text_encoder"] if prompted else []


def captions_of(split):
    """A function of wildcards: embeddings of all captions, and which one each image of the split has; none without prompts."""

    def paths(wildcards):
        folder = f"data/encode_captions/{wildcards.experiment}/{wildcards.dataset}/{wildcards.model}"
        prompted = job_config.is_prompted(config, wildcards.dataset, wildcards.model)
        return [f"{folder}/embeddings.npy", f"{folder}/{split}_rows.npy"] if prompted else []

    return paths


def of_variants(stage, file):
    """The file that the stage makes of each selected variant of the job's data set."""

    def paths(wildcards):
        return [output_of(stage, file, wildcards, name) for name in selected_here("variants", wildcards)]

    return paths


def output_of(stage, file, wildcards, variant):
    """The file that the stage makes of a variant, a sampling or the fork, in the job's own run."""
    room = "models" if stage == "train_refined" else "data"
    run = f"{wildcards.experiment}/{wildcards.dataset}/{wildcards.model}/{variant}/seed{wildcards.seed}"
    return f"{room}/{stage}/{run}/{file}"


def samples_of_rows(wildcards):
    """Images of all rows that are measured: variants, samplings and the base model at the fork."""
    rows = [*selected_here("variants", wildcards), *selected_here("samplings", wildcards), FORK]
    return [output_of("generate_samples", "images.npy", wildcards, row) for row in rows]


def samples_of_table(wildcards):
    """Images of the rows that a table alone shows of a model, and of the base model at the fork."""
    small, names = one_table.narrowed(config, wildcards.table), (wildcards.dataset, wildcards.model)
    chosen = [row for section in ("variants", "samplings") for row in job_config.selected(small, section, *names)]
    return [output_of("generate_samples", "images.npy", wildcards, row) for row in (*chosen, FORK)]


def first_inpainted(output):
    """A file of each mask and variant that inpaints, by mask, of the first model and data set that do, and seed."""
    first = first_run("seed")
    for dataset, model in [(d, m) for d in selected("datasets") for m in selected("models", d)]:
        run = {"dataset": [dataset], "model": [model], **first}
        if masks := selected("masks", dataset, model):
            return [path for mask in masks for path in runs("inpaint_images", output=output, mask=[mask], **run)]
    return []


def first_prompted(what):
    """`samples` of both rows of Table 4, or the `captions` that they are made from, of the first model that takes any."""
    first = first_run("seed")
    for dataset, model in [(d, m) for d in selected("datasets") for m in selected("models", d)]:
        if job_config.is_prompted(config, dataset, model):
            run = {"dataset": [dataset], "model": [model], **first}
            if what == "captions":
                return runs("prepare_data", output="test_items", **run)
            rows = [config["shared"]["reference"], config["models"][model]["self_refining"]]
            return [path for row in rows for path in runs("generate_samples", output="images", variant=[row], **run)]
    return []


def clip_folder(wildcards):
    """The CLIP that tells what the images of the job's model show; "" where a classifier does."""
    names = {"dataset": wildcards.dataset, "model": wildcards.model}
    return job_config.job(config, "evaluate_prompts", names)["clip_folder"]


def classifier_of(wildcards):
    """The classifier of a data set; none where a CLIP tells what images show."""
    clip = clip_folder(wildcards)
    place = f"{wildcards.experiment}/{wildcards.dataset}"
    return [] if clip else [f"models/train_classifier/{place}/classifier.safetensors"]


def clip_files(wildcards):
    """Config and weights of the CLIP in the folder that the params name; none where a classifier is trained."""
    clip = clip_folder(wildcards)
    return [local(f"{clip}/{name}") for name in ("config.json", "model.safetensors") if clip]


def inpainted(file):
    """A function of wildcards: a file of each mask and variant that inpaints, by mask."""

    def paths(wildcards):
        folder = f"data/inpaint_images/{wildcards.experiment}/{wildcards.dataset}/{wildcards.model}"
        variants = job_config.inpainted(config, wildcards.model)
        pairs = [(mask, variant) for mask in selected_here("masks", wildcards) for variant in variants]
        return [f"{folder}/{variant}/{mask}/seed{wildcards.seed}/{file}" for mask, variant in pairs]

    return paths


def network_of_sampling(wildcards):
    """The network of the variant that a row of `samplings` samples, or the base model's at the fork."""
    return network_of(config["samplings"][wildcards.variant]["of"], wildcards)


def guide_of_sampling(wildcards):
    """The network that a row of `samplings` is guided by; none of a row without."""
    guide = config["samplings"][wildcards.variant].get("guided_by")
    return [network_of(guide, wildcards)] if guide else []


def discriminator_of_sampling(wildcards):
    """The highlighter of noisy images that a row of `samplings` is guided by; none of a row without."""
    judge = config["samplings"][wildcards.variant].get("discriminated_by")
    return [highlighter_file(wildcards, judge)] if judge else []


def base_of_highlighter(wildcards):
    """The base model whose schedule makes images noisy, for a highlighter that learns from such; none of another."""
    names = {name: wildcards[name] for name in ("dataset", "model", "highlighter")}
    noised = job_config.job(config, "train_highlighter", names)["noised"]
    return [network_of(FORK, wildcards)] if noised else []


def network_of(variant, wildcards):
    """The network of a variant, or the base model's at the fork, in the job's own run."""
    if variant == FORK:
        run = f"{wildcards.experiment}/{wildcards.dataset}/{wildcards.model}/seed{wildcards.seed}"
        return f"models/train_base/{run}/pipeline"
    return output_of("train_refined", "pipeline", wildcards, variant)


def map_of_sampling(wildcards):
    """Kept maps, mean map and config of the variant that a row of `samplings` takes them of; none of a row without."""
    map_of = config["samplings"][wildcards.variant].get("map_of")
    files = ("maps.npy", "mean_map.npy", "config.json") if map_of else ()
    return [output_of("train_refined", file, wildcards, map_of) for file in files]


def scales_of_sampling(wildcards):
    """The choice of the noise's scale for a row of `samplings` that has the best one; none of another row."""
    names = ("experiment", "dataset", "model", "variant")
    run = "/".join(wildcards[name] for name in names)
    best = job_config.own_scale(config, wildcards.variant) == BEST
    return [f"results/choose_eps_scale/{run}/seed{wildcards.seed}/scales.csv"] if best else []


def primary_weights():
    """The weights of the feature network that tables are judged in."""
    return f"models/fetch_weights/{FEATURE_WEIGHTS[config['make_tables']['primary_network']]}/weights.safetensors"


def highlighters_of(wildcards):
    """The selected highlighters of the job's data set."""
    return [highlighter_file(wildcards, name) for name in selected_here("highlighters", wildcards)]


def highlighter_of_map(wildcards):
    """The highlighter behind a variant's own map."""
    names = {name: wildcards[name] for name in ("dataset", "model", "variant")}
    kind = job_config.job(config, "train_refined", names)["map"]
    return highlighter_file(wildcards, kind if kind in config["highlighters"] else FLAW)


def highlighter_file(wildcards, highlighter):
    """A highlighter of the job's own run."""
    run = f"{wildcards.experiment}/{wildcards.dataset}/{wildcards.model}/{highlighter}/seed{wildcards.seed}"
    return f"models/train_highlighter/{run}/highlighter.safetensors"


def in_run_of_study(function):
    """The function of wildcards for the run whose images a study shows."""

    def paths(wildcards):
        run = job_config.run_of_study(config, wildcards.study)
        return function(type(wildcards)(fromdict=run | {"experiment": wildcards.experiment}))

    return paths


def maps_of_study(wildcards):
    """The highlighters of a run whose maps a study's picks are compared with."""
    names = job_config.highlighters_of_study(config, wildcards.dataset, wildcards.model)
    return [highlighter_file(wildcards, name) for name in names]


def fakes_of(wildcards):
    """The images of a run's base model that highlighters learn from, and others."""
    run = f"{wildcards.experiment}/{wildcards.dataset}/{wildcards.model}/seed{wildcards.seed}"
    return f"data/generate_fakes/{run}/images.npy"


def base_of(wildcards):
    """A run's base model."""
    return network_of(FORK, wildcards)


def test_images_of(wildcards):
    """The test photographs of a run's data set."""
    return f"data/prepare_data/{wildcards.experiment}/{wildcards.dataset}/test/images.npy"


def page_of_study():
    """The files of the page that participants see."""
    folder = Path(workflow.basedir, "workflow", "resources", "study")
    found = [path.relative_to(workflow.basedir) for path in sorted(folder.rglob("*")) if path.is_file()]
    return [local(path.as_posix()) for path in found if not any(part.startswith(".") for part in path.parts)]


def consent_of_study(wildcards):
    """The file of a consent's text that the params name; none for ours."""
    text = job_config.job(config, "prepare_study", {"study": wildcards.study})["consent"]
    return [local(text)] if text else []


def of_first_study(stage, output):
    """A file that a stage makes of the first study that runs; none where none does."""
    return runs(stage, output=output, study=selected("studies")[:1])
