# Read-outs of every variant where the guidance map points: what the network learned there, what the images gained there;
# and what a highlighter says of them that no refinement has used.
rule evaluate_readouts:
    input:
        pipelines=of_variants("train_refined", "pipeline"),
        mean_maps=of_variants("train_refined", "mean_map.npy"),
        samples=of_variants("generate_samples", "images.npy"),
        test="data/prepare_data/{experiment}/{dataset}/test/images.npy",
        weights="models/fetch_weights/vgg16/weights.safetensors",
        critic="models/train_highlighter/{experiment}/{dataset}/{model}/second/seed{seed}/highlighter.safetensors",
    output:
        metrics="results/evaluate_readouts/{experiment}/{dataset}/{model}/seed{seed}/metrics.csv",
        config="results/evaluate_readouts/{experiment}/{dataset}/{model}/seed{seed}/config.json",
    log:
        "logs/evaluate_readouts/{experiment}/{dataset}/{model}/seed{seed}.log",
    benchmark:
        "benchmarks/evaluate_readouts/{experiment}/{dataset}/{model}/seed{seed}.tsv"
    conda:
        "../../environment.yml"
    threads: threads_of_a_job
    resources:
        gpu=gpus,
        mem_mb=memory_of("evaluate_readouts"),
        runtime=runtime_of("evaluate_readouts"),
    params:
        config=config_of("evaluate_readouts"),
        code=code_of("evaluate_readouts"),
    shell:
        """
        python -m selfrefine.commands.run_stage evaluate_readouts \
            --config {params.config:q} --code {params.code:q} --record {output.config:q} \
            --pipelines {input.pipelines:q} --mean_maps {input.mean_maps:q} --samples {input.samples:q} \
            --test {input.test:q} --weights {input.weights:q} --critic {input.critic:q} \
            --metrics {output.metrics:q} \
            2>&1 | tee {log:q}
        """


rule all_evaluate_readouts:
    input:
        runs("evaluate_readouts"),
