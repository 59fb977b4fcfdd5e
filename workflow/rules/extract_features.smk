# Features of the images that one run makes: variants, samplings, the base model at the fork.
rule extract_features:
    input:
        images=samples_of_rows,
        weights=expand("models/fetch_weights/{weights}/weights.safetensors", weights=selected("weights")),
    output:
        features="data/extract_features/{experiment}/{dataset}/{model}/seed{seed}/features.npz",
        config="data/extract_features/{experiment}/{dataset}/{model}/seed{seed}/config.json",
    log:
        "logs/extract_features/{experiment}/{dataset}/{model}/seed{seed}.log",
    benchmark:
        "benchmarks/extract_features/{experiment}/{dataset}/{model}/seed{seed}.tsv"
    conda:
        "../../environment.yml"
    threads: threads_of_a_job
    resources:
        gpu=gpus,
        mem_mb=memory_of("extract_features"),
    params:
        config=config_of("extract_features"),
        code=code_of("extract_features"),
    shell:
        """
        python -m selfrefine.commands.run_stage extract_features \
            --config {params.config:q} --code {params.code:q} --record {output.config:q} \
            --images {input.images:q} --weights {input.weights:q} \
            --features {output.features:q} \
            2>&1 | tee {log:q}
        """


# Of the photographs that the runs of every seed are compared with.
use rule extract_features as extract_features_real with:
    input:
        images=expand("data/prepare_data/{{experiment}}/{{dataset}}/{split}/images.npy", split=["train", "test"]),
        weights=expand("models/fetch_weights/{weights}/weights.safetensors", weights=selected("weights")),
    output:
        features="data/extract_features/{experiment}/{dataset}/{model}/real/features.npz",
        config="data/extract_features/{experiment}/{dataset}/{model}/real/config.json",
    log:
        "logs/extract_features/{experiment}/{dataset}/{model}/real.log",
    benchmark:
        "benchmarks/extract_features/{experiment}/{dataset}/{model}/real.tsv"


# Of the rows that one table alone shows, where these are fewer.
use rule extract_features as extract_features_table with:
    input:
        images=samples_of_table,
        weights=expand("models/fetch_weights/{weights}/weights.safetensors", weights=selected("weights")),
    output:
        features="data/extract_features/{experiment}-{table}/{dataset}/{model}/seed{seed}/features.npz",
        config="data/extract_features/{experiment}-{table}/{dataset}/{model}/seed{seed}/config.json",
    log:
        "logs/extract_features/{experiment}-{table}/{dataset}/{model}/seed{seed}.log",
    benchmark:
        "benchmarks/extract_features/{experiment}-{table}/{dataset}/{model}/seed{seed}.tsv"


rule all_extract_features:
    input:
        runs("extract_features"),
        runs("extract_features_real"),
