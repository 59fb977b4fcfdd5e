# Features of all images that one table compares: variants, samplings, the base model at the fork, photographs.
rule extract_features:
    input:
        samples=samples_of_rows,
        train="data/prepare_data/{experiment}/{dataset}/train/images.npy",
        test="data/prepare_data/{experiment}/{dataset}/test/images.npy",
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
            --samples {input.samples:q} --train {input.train:q} --test {input.test:q} --weights {input.weights:q} \
            --features {output.features:q} \
            2>&1 | tee {log:q}
        """


rule all_extract_features:
    input:
        runs("extract_features"),
