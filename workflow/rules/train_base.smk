# Base phase: the diffusion model before refinement, and the state that all variants fork from.
rule train_base:
    input:
        images="data/prepare_data/{experiment}/{dataset}/train/images.npy",
        latents=latents_of,
        autoencoder=autoencoder_of,
        captions=captions_of("train"),
        text_encoder=text_encoder_of,
        pretrained=given_network,
    output:
        pipeline=directory("models/train_base/{experiment}/{dataset}/{model}/seed{seed}/pipeline"),
        state="models/train_base/{experiment}/{dataset}/{model}/seed{seed}/state.safetensors",
        loss="models/train_base/{experiment}/{dataset}/{model}/seed{seed}/loss.csv",
        config="models/train_base/{experiment}/{dataset}/{model}/seed{seed}/config.json",
    log:
        "logs/train_base/{experiment}/{dataset}/{model}/seed{seed}.log",
    benchmark:
        "benchmarks/train_base/{experiment}/{dataset}/{model}/seed{seed}.tsv"
    conda:
        "../../environment.yml"
    threads: threads_of_a_job
    resources:
        gpu=gpus,
        mem_mb=memory_of("train_base"),
        runtime=runtime_of("train_base"),
    params:
        config=config_of("train_base"),
        code=code_of("train_base"),
    shell:
        """
        python -m selfrefine.commands.run_stage train_base \
            --config {params.config:q} --code {params.code:q} --record {output.config:q} \
            --images {input.images:q} --latents {input.latents:q} --autoencoder {input.autoencoder:q} \
            --captions {input.captions:q} --text_encoder {input.text_encoder:q} \
            --pretrained {input.pretrained:q} \
            --pipeline {output.pipeline:q} --state {output.state:q} --loss {output.loss:q} \
            2>&1 | tee {log:q}
        """


rule all_train_base:
    input:
        runs("train_base"),
