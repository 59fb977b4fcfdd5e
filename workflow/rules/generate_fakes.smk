# Images of the base model that the highlighter learns from.
rule generate_fakes:
    input:
        pipeline="models/train_base/{experiment}/{dataset}/{model}/seed{seed}/pipeline",
        captions=captions_of("train"),
    output:
        images="data/generate_fakes/{experiment}/{dataset}/{model}/seed{seed}/images.npy",
        config="data/generate_fakes/{experiment}/{dataset}/{model}/seed{seed}/config.json",
    log:
        "logs/generate_fakes/{experiment}/{dataset}/{model}/seed{seed}.log",
    benchmark:
        "benchmarks/generate_fakes/{experiment}/{dataset}/{model}/seed{seed}.tsv"
    conda:
        "../../environment.yml"
    threads: threads_of_a_job
    resources:
        gpu=gpus,
        mem_mb=memory_of("generate_fakes"),
        runtime=runtime_of("generate_fakes"),
    params:
        config=config_of("generate_fakes"),
        code=code_of("generate_fakes"),
    shell:
        """
        python -m selfrefine.commands.run_stage generate_fakes \
            --config {params.config:q} --code {params.code:q} --record {output.config:q} \
            --pipeline {input.pipeline:q} --captions {input.captions:q} \
            --images {output.images:q} \
            2>&1 | tee {log:q}
        """


rule all_generate_fakes:
    input:
        runs("generate_fakes"),
