# Whether the images that a model makes from prompts show what these say, for every variant.
rule evaluate_prompts:
    input:
        samples=of_variants("generate_samples", "images.npy"),
        photographs="data/prepare_data/{experiment}/{dataset}/test/images.npy",
        test_items="data/prepare_data/{experiment}/{dataset}/test/items.csv",
        classifier=classifier_of,
        clip=clip_files,
    output:
        metrics="results/evaluate_prompts/{experiment}/{dataset}/{model}/seed{seed}/prompts.csv",
        by_image="results/evaluate_prompts/{experiment}/{dataset}/{model}/seed{seed}/images.csv",
        config="results/evaluate_prompts/{experiment}/{dataset}/{model}/seed{seed}/config.json",
    log:
        "logs/evaluate_prompts/{experiment}/{dataset}/{model}/seed{seed}.log",
    benchmark:
        "benchmarks/evaluate_prompts/{experiment}/{dataset}/{model}/seed{seed}.tsv"
    conda:
        "../../environment.yml"
    threads: threads_of_a_job
    resources:
        gpu=gpus,
        mem_mb=memory_of("evaluate_prompts"),
        runtime=runtime_of("evaluate_prompts"),
    params:
        config=config_of("evaluate_prompts"),
        code=code_of("evaluate_prompts"),
    shell:
        """
        python -m selfrefine.commands.run_stage evaluate_prompts \
            --config {params.config:q} --code {params.code:q} --record {output.config:q} \
            --samples {input.samples:q} --photographs {input.photographs:q} --test_items {input.test_items:q} \
            --classifier {input.classifier:q} --clip {input.clip:q} \
            --metrics {output.metrics:q} --by_image {output.by_image:q} \
            2>&1 | tee {log:q}
        """


rule all_evaluate_prompts:
    input:
        runs("evaluate_prompts"),
