# From photographs to tables and figures: the stages in their order, one file each. Numbers are in params.yaml.
from snakemake.utils import min_version

min_version("9.27")
# Snakemake's own strict mode; and where SIGTERM is for all at once, as Slurm's, shells wait for their jobs, which keep a
# checkpoint: Snakemake waits for its shells, and what outlives it Slurm kills.
shell.prefix("set -euo pipefail; trap : TERM; ")


include: "workflow/rules/common.smk"


read_params()
tell_missing_photographs()


wildcard_constraints:
    experiment=current_experiment(),
    source=any_row("sources"),
    weights=any_row("weights"),
    text_encoder=any_row("text_encoders"),
    dataset=any_row("datasets"),
    model=any_row("models"),
    highlighter=any_row("highlighters"),
    variant=any_row("variants"),
    mask=any_row("masks"),
    human_mark=any_row("human_marks"),
    study=any_row("studies"),
    table="table[1-7]",
    seed="0|[1-9][0-9]*",


report: "workflow/report/workflow.rst"


container: "container/selfrefine.sif"  # as docs/storage.md builds it; inert without --sdm apptainer


include: "workflow/rules/fetch_data.smk"
include: "workflow/rules/fetch_weights.smk"
include: "workflow/rules/fetch_text_encoder.smk"
include: "workflow/rules/prepare_data.smk"
include: "workflow/rules/train_autoencoder.smk"
include: "workflow/rules/encode_data.smk"
include: "workflow/rules/encode_captions.smk"
include: "workflow/rules/train_base.smk"
include: "workflow/rules/generate_fakes.smk"
include: "workflow/rules/train_highlighter.smk"
include: "workflow/rules/evaluate_highlighter.smk"
include: "workflow/rules/evaluate_maps.smk"
include: "workflow/rules/evaluate_human_marks.smk"
include: "workflow/rules/train_refined.smk"
include: "workflow/rules/choose_eps_scale.smk"
include: "workflow/rules/generate_samples.smk"
include: "workflow/rules/extract_features.smk"
include: "workflow/rules/evaluate_generation.smk"
include: "workflow/rules/evaluate_readouts.smk"
include: "workflow/rules/inpaint_images.smk"
include: "workflow/rules/evaluate_inpainting.smk"
include: "workflow/rules/train_classifier.smk"
include: "workflow/rules/evaluate_prompts.smk"
include: "workflow/rules/prepare_study.smk"
include: "workflow/rules/evaluate_study.smk"
include: "workflow/rules/make_tables.smk"
include: "workflow/rules/make_table.smk"
include: "workflow/rules/make_figures.smk"
include: "workflow/rules/make_summary.smk"


onstart:
    keep_jobs_on_their_nodes()
    stop_at_missing_photographs(workflow.dag.needrun_jobs())
    stop_at_future_dates(workflow.dag.needrun_jobs())
    stop_at_read_only_folders(workflow.dag.needrun_jobs())
    stop_at_results_not_stored(workflow.dag.needrun_jobs())


rule all:
    default_target: True
    input:
        runs("evaluate_readouts"),
        runs("evaluate_human_marks"),
        runs("make_tables"),
        runs("make_figures"),
        runs("make_summary"),


# One table of the paper with just what it needs.
rule all_table1:
    input:
        table_alone("table1"),


rule all_table2:
    input:
        table_alone("table2"),


rule all_table3:
    input:
        table_alone("table3"),


rule all_table4:
    input:
        table_alone("table4"),


rule all_table5:
    input:
        table_alone("table5"),


rule all_table6:
    input:
        table_alone("table6"),


rule all_table7:
    input:
        table_alone("table7"),
