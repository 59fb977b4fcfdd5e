# Refinement phase of one variant, from the fork on.
rule train_refined:
    input:
        images="data/prepare_data/{experiment}/{dataset}/train/images.npy",
        latents=latents_of,
        captions=captions_of("train"),
        base="models/train_base/{experiment}/{dataset}/{model}/seed{seed}/pipeline",
        state="models/train_base/{experiment}/{dataset}/{model}/seed{seed}/state.safetensors",
        flaw_highlighter="models/train_highlighter/{experiment}/{dataset}/{model}/flaw/seed{seed}/highlighter.safetensors",
        highlighter=highlighter_of_map,
        fakes=own_samples_of,
    output:
        pipeline=directory("models/train_refined/{experiment}/{dataset}/{model}/{variant}/seed{seed}/pipeline"),
        loss="models/train_refined/{experiment}/{dataset}/{model}/{variant}/seed{seed}/loss.csv",
        maps="models/train_refined/{experiment}/{dataset}/{model}/{variant}/seed{seed}/maps.npy",
        mfams="models/train_refined/{experiment}/{dataset}/{model}/{variant}/seed{seed}/mfams.npy",
        mean_map="models/train_refined/{experiment}/{dataset}/{model}/{variant}/seed{seed}/mean_map.npy",
        refreshes="models/train_refined/{experiment}/{dataset}/{model}/{variant}/seed{seed}/refreshes.csv",
        config="models/train_refined/{experiment}/{dataset}/{model}/{variant}/seed{seed}/config.json",
    log:
        "logs/train_refined/{experiment}/{dataset}/{model}/{variant}/seed{seed}.log",
    benchmark:
        "benchmarks/train_refined/{experiment}/{dataset}/{model}/{variant}/seed{seed}.tsv"
    conda:
        "../../environment.yml"
    threads: threads_of_a_job
    resources:
        gpu=gpus,
        mem_mb=memory_of("train_refined"),
        runtime=runtime_of("train_refined"),
    params:
        config=config_of("train_refined"),
        code=code_of("train_refined"),
    shell:
        """
        python -m selfrefine.commands.run_stage train_refined \
            --config {params.config:q} --code {params.code:q} --record {output.config:q} \
            --images {input.images:q} --latents {input.latents:q} --captions {input.captions:q} \
            --base {input.base:q} --state {input.state:q} \
            --flaw_highlighter {input.flaw_highlighter:q} --highlighter {input.highlighter:q} \
            --fakes {input.fakes:q} \
            --pipeline {output.pipeline:q} --loss {output.loss:q} --maps {output.maps:q} \
            --mfams {output.mfams:q} --mean_map {output.mean_map:q} --refreshes {output.refreshes:q} \
            2>&1 | tee {log:q}
        """


rule all_train_refined:
    input:
        runs("train_refined"),
