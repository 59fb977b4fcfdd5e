# One of the paper's tables with just what it needs, for who cannot afford all: no part of `all`.
rule make_table:
    input:
        generation=read_by_table("evaluate_generation", "metrics"),
        highlighter=read_by_table("evaluate_highlighter", "metrics"),
        inpainting=read_by_table("evaluate_inpainting", "metrics"),
        prompts=read_by_table("evaluate_prompts", "metrics"),
        refined=read_by_table("train_refined", "config"),
        refreshes=read_by_table("train_refined", "refreshes"),
        autoencoder_configs=read_by_table("train_autoencoder", "config"),
        autoencoders=read_by_table("train_autoencoder", "autoencoder"),
        round_trips=read_by_table("train_autoencoder", "metrics"),
        scales=read_by_table("choose_eps_scale", "scales"),
        paper=local("workflow/resources/paper_values.csv"),
    output:
        csv="results/make_table/{experiment}/{table}/{table}.csv",
        md="results/make_table/{experiment}/{table}/{table}.md",
        config="results/make_table/{experiment}/{table}/config.json",
    log:
        "logs/make_table/{experiment}/{table}.log",
    benchmark:
        "benchmarks/make_table/{experiment}/{table}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=memory_of("make_tables"),
        runtime=runtime_of("make_tables"),
    params:
        config=config_of("make_table"),
        code=code_of("make_table"),
    shell:
        """
        python -m selfrefine.commands.run_stage make_table \
            --config {params.config:q} --code {params.code:q} --record {output.config:q} \
            --generation {input.generation:q} --highlighter {input.highlighter:q} \
            --inpainting {input.inpainting:q} --prompts {input.prompts:q} \
            --refined {input.refined:q} --refreshes {input.refreshes:q} \
            --autoencoder_configs {input.autoencoder_configs:q} --autoencoders {input.autoencoders:q} \
            --round_trips {input.round_trips:q} --scales {input.scales:q} --paper {input.paper:q} \
            --csv {output.csv:q} --md {output.md:q} \
            2>&1 | tee {log:q}
        """


rule all_make_table:
    input:
        runs("make_table"),
