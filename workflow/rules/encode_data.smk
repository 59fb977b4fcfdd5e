# Latents of the training images, once for every job that trains on them.
rule encode_data:
    input:
        images="data/prepare_data/{experiment}/{dataset}/train/images.npy",
        autoencoder="models/train_autoencoder/{experiment}/{dataset}/{model}/seed{seed}/autoencoder",
    output:
        latents="data/encode_data/{experiment}/{dataset}/{model}/seed{seed}/latents.npy",
        config="data/encode_data/{experiment}/{dataset}/{model}/seed{seed}/config.json",
    log:
        "logs/encode_data/{experiment}/{dataset}/{model}/seed{seed}.log",
    benchmark:
        "benchmarks/encode_data/{experiment}/{dataset}/{model}/seed{seed}.tsv"
    conda:
        "../../environment.yml"
    threads: threads_of_a_job
    resources:
        gpu=gpus,
        mem_mb=memory_of("encode_data"),
        runtime=runtime_of("encode_data"),
    params:
        config=config_of("encode_data"),
        code=code_of("encode_data"),
    shell:
        """
        python -m selfrefine.commands.run_stage encode_data \
            --config {params.config:q} --code {params.code:q} --record {output.config:q} \
            --images {input.images:q} --autoencoder {input.autoencoder:q} \
            --latents {output.latents:q} \
            2>&1 | tee {log:q}
        """


rule all_encode_data:
    input:
        runs("encode_data"),
