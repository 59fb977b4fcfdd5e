# Images of a variant that are measured; image i of every variant starts from the same noise.
rule generate_samples:
    input:
        pipeline="models/train_refined/{experiment}/{dataset}/{model}/{variant}/seed{seed}/pipeline",
        map=[],
        scales=[],
        guide=[],
        discriminator=[],
        captions=captions_of("test"),
    output:
        images="data/generate_samples/{experiment}/{dataset}/{model}/{variant}/seed{seed}/images.npy",
        config="data/generate_samples/{experiment}/{dataset}/{model}/{variant}/seed{seed}/config.json",
    log:
        "logs/generate_samples/{experiment}/{dataset}/{model}/{variant}/seed{seed}.log",
    benchmark:
        "benchmarks/generate_samples/{experiment}/{dataset}/{model}/{variant}/seed{seed}.tsv"
    conda:
        "../../environment.yml"
    threads: threads_of_a_job
    resources:
        gpu=gpus,
        mem_mb=memory_of("generate_samples"),
        runtime=runtime_of("generate_samples"),
    params:
        config=config_of("generate_samples"),
        code=code_of("generate_samples"),
    shell:
        """
        python -m selfrefine.commands.run_stage generate_samples \
            --config {params.config:q} --code {params.code:q} --record {output.config:q} \
            --pipeline {input.pipeline:q} --map {input.map:q} --scales {input.scales:q} \
            --guide {input.guide:q} --discriminator {input.discriminator:q} --captions {input.captions:q} \
            --images {output.images:q} \
            2>&1 | tee {log:q}
        """


# The base model at the moment of the fork, measured like a variant.
use rule generate_samples as generate_samples_fork with:
    input:
        pipeline="models/train_base/{experiment}/{dataset}/{model}/seed{seed}/pipeline",
        map=[],
        scales=[],
        guide=[],
        discriminator=[],
        captions=captions_of("test"),
    output:
        images="data/generate_samples/{experiment}/{dataset}/{model}/{variant}/seed{seed}/images.npy",
        config="data/generate_samples/{experiment}/{dataset}/{model}/{variant}/seed{seed}/config.json",
    wildcard_constraints:
        variant="fork",


# A network under another sampler or a guide, or an untrained control, measured like a variant.
use rule generate_samples as generate_samples_other with:
    input:
        pipeline=network_of_sampling,
        map=map_of_sampling,
        scales=scales_of_sampling,
        guide=guide_of_sampling,
        discriminator=discriminator_of_sampling,
        captions=captions_of("test"),
    output:
        images="data/generate_samples/{experiment}/{dataset}/{model}/{variant}/seed{seed}/images.npy",
        config="data/generate_samples/{experiment}/{dataset}/{model}/{variant}/seed{seed}/config.json",
    wildcard_constraints:
        variant=any_row("samplings"),


rule all_generate_samples:
    input:
        runs("generate_samples"),
        runs("generate_samples_fork", variant="fork"),
        runs("generate_samples_other"),
