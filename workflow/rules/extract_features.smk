# Features of an image set, once per set: those of a variant, or of the base model at the fork.
rule extract_features:
    input:
        images="data/generate_samples/{experiment}/{dataset}/{model}/{variant}/seed{seed}/images.npy",
        weights=expand("models/fetch_weights/{weights}/weights.safetensors", weights=["vgg16", "alexnet"]),
    output:
        features="data/extract_features/{experiment}/{dataset}/{model}/{variant}/seed{seed}/features.npz",
        config="data/extract_features/{experiment}/{dataset}/{model}/{variant}/seed{seed}/config.json",
    log:
        "logs/extract_features/{experiment}/{dataset}/{model}/{variant}/seed{seed}.log",
    benchmark:
        "benchmarks/extract_features/{experiment}/{dataset}/{model}/{variant}/seed{seed}.tsv"
    wildcard_constraints:
        variant=any_row("variants", "fork"),
    conda:
        "../../environment.yml"
    threads: 8
    resources:
        gpu=1,
    params:
        config=config_of("extract_features"),
        code=code_of("extract_features"),
    shell:
        """
        python -m selfrefine.stages.extract_features \
            --config {params.config:q} --code {params.code} --record {output.config} \
            --images {input.images} --weights {input.weights} \
            --features {output.features} \
            2>&1 | tee {log}
        """


# Photographs.
use rule extract_features as extract_features_real with:
    input:
        images="data/prepare_data/{experiment}/{dataset}/{split}/images.npy",
        weights=expand("models/fetch_weights/{weights}/weights.safetensors", weights=["vgg16", "alexnet"]),
    output:
        features="data/extract_features/{experiment}/{dataset}/{split}/features.npz",
        config="data/extract_features/{experiment}/{dataset}/{split}/config.json",
    log:
        "logs/extract_features/{experiment}/{dataset}/{split}.log",
    benchmark:
        "benchmarks/extract_features/{experiment}/{dataset}/{split}.tsv"


rule all_extract_features:
    input:
        runs("extract_features"),
        runs("extract_features", variant="fork"),
        runs("extract_features_real"),
