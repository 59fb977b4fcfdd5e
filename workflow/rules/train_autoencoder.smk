# Autoencoder of a latent family: trained on the data set, or taken from a folder.
rule train_autoencoder:
    input:
        images="data/prepare_data/{experiment}/{dataset}/train/images.npy",
        test="data/prepare_data/{experiment}/{dataset}/test/images.npy",
        given=given_autoencoder,
    output:
        autoencoder=directory("models/train_autoencoder/{experiment}/{dataset}/{model}/seed{seed}/autoencoder"),
        loss="models/train_autoencoder/{experiment}/{dataset}/{model}/seed{seed}/loss.csv",
        metrics="models/train_autoencoder/{experiment}/{dataset}/{model}/seed{seed}/metrics.csv",
        config="models/train_autoencoder/{experiment}/{dataset}/{model}/seed{seed}/config.json",
    log:
        "logs/train_autoencoder/{experiment}/{dataset}/{model}/seed{seed}.log",
    benchmark:
        "benchmarks/train_autoencoder/{experiment}/{dataset}/{model}/seed{seed}.tsv"
    conda:
        "../../environment.yml"
    threads: threads_of_a_job
    resources:
        gpu=gpus,
        mem_mb=memory_of("train_autoencoder"),
        runtime=runtime_of("train_autoencoder"),
    params:
        config=config_of("train_autoencoder"),
        code=code_of("train_autoencoder"),
    shell:
        """
        python -m selfrefine.commands.run_stage train_autoencoder \
            --config {params.config:q} --code {params.code:q} --record {output.config:q} \
            --images {input.images:q} --test {input.test:q} --given {input.given:q} \
            --autoencoder {output.autoencoder:q} --loss {output.loss:q} --metrics {output.metrics:q} \
            2>&1 | tee {log:q}
        """


rule all_train_autoencoder:
    input:
        runs("train_autoencoder"),
