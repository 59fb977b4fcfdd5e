# Read-outs of every variant where the guidance map points: what the network learned there, what the images gained there.
rule evaluate_readouts:
    input:
        pipelines=expand(
            "models/train_refined/{experiment}/{dataset}/{model}/{variant}/seed{seed}/pipeline",
            variant=selected("variants"),
            allow_missing=True,
        ),
        maps=expand(
            "models/train_refined/{experiment}/{dataset}/{model}/{variant}/seed{seed}/maps.npy",
            variant=selected("variants"),
            allow_missing=True,
        ),
        samples=expand(
            "data/generate_samples/{experiment}/{dataset}/{model}/{variant}/seed{seed}/images.npy",
            variant=selected("variants"),
            allow_missing=True,
        ),
        test="data/prepare_data/{experiment}/{dataset}/test/images.npy",
        weights="models/fetch_weights/vgg16/weights.safetensors",
    output:
        metrics="results/evaluate_readouts/{experiment}/{dataset}/{model}/seed{seed}/metrics.csv",
        config="results/evaluate_readouts/{experiment}/{dataset}/{model}/seed{seed}/config.json",
    log:
        "logs/evaluate_readouts/{experiment}/{dataset}/{model}/seed{seed}.log",
    benchmark:
        "benchmarks/evaluate_readouts/{experiment}/{dataset}/{model}/seed{seed}.tsv"
    conda:
        "../../environment.yml"
    threads: 8
    resources:
        gpu=1,
    params:
        config=config_of("evaluate_readouts"),
        code=code_of("evaluate_readouts"),
    shell:
        """
        python -m selfrefine.stages.evaluate_readouts \
            --config {params.config:q} --code {params.code} --record {output.config} \
            --pipelines {input.pipelines} --maps {input.maps} --samples {input.samples} \
            --test {input.test} --weights {input.weights} \
            --metrics {output.metrics} \
            2>&1 | tee {log}
        """


rule all_evaluate_readouts:
    input:
        runs("evaluate_readouts"),
