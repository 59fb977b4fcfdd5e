# The first test images with a hole of each kind of mask, filled by a variant; masks and noise are the same for all variants.
rule inpaint_images:
    input:
        pipeline="models/train_refined/{experiment}/{dataset}/{model}/{variant}/seed{seed}/pipeline",
        photographs="data/prepare_data/{experiment}/{dataset}/test/images.npy",
    output:
        images="data/inpaint_images/{experiment}/{dataset}/{model}/{variant}/{mask}/seed{seed}/images.npy",
        raw="data/inpaint_images/{experiment}/{dataset}/{model}/{variant}/{mask}/seed{seed}/raw.npy",
        masks="data/inpaint_images/{experiment}/{dataset}/{model}/{variant}/{mask}/seed{seed}/masks.npy",
        config="data/inpaint_images/{experiment}/{dataset}/{model}/{variant}/{mask}/seed{seed}/config.json",
    log:
        "logs/inpaint_images/{experiment}/{dataset}/{model}/{variant}/{mask}/seed{seed}.log",
    benchmark:
        "benchmarks/inpaint_images/{experiment}/{dataset}/{model}/{variant}/{mask}/seed{seed}.tsv"
    conda:
        "../../environment.yml"
    threads: threads_of_a_job
    resources:
        gpu=gpus,
        mem_mb=memory_of("inpaint_images"),
        runtime=runtime_of("inpaint_images"),
    params:
        config=config_of("inpaint_images"),
        code=code_of("inpaint_images"),
    shell:
        """
        python -m selfrefine.commands.run_stage inpaint_images \
            --config {params.config:q} --code {params.code:q} --record {output.config:q} \
            --pipeline {input.pipeline:q} --photographs {input.photographs:q} \
            --images {output.images:q} --raw {output.raw:q} --masks {output.masks:q} \
            2>&1 | tee {log:q}
        """


rule all_inpaint_images:
    input:
        runs("inpaint_images"),
