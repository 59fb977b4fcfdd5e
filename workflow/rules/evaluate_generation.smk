# Distances of every row, and of the base model at the fork, to the photographs.
rule evaluate_generation:
    input:
        features="data/extract_features/{experiment}/{dataset}/{model}/seed{seed}/features.npz",
        real="data/extract_features/{experiment}/{dataset}/{model}/real/features.npz",
    output:
        metrics="results/evaluate_generation/{experiment}/{dataset}/{model}/seed{seed}/metrics.csv",
        config="results/evaluate_generation/{experiment}/{dataset}/{model}/seed{seed}/config.json",
    log:
        "logs/evaluate_generation/{experiment}/{dataset}/{model}/seed{seed}.log",
    benchmark:
        "benchmarks/evaluate_generation/{experiment}/{dataset}/{model}/seed{seed}.tsv"
    conda:
        "../../environment.yml"
    threads: threads_of_a_job
    resources:
        mem_mb=memory_of("evaluate_generation"),
    params:
        config=config_of("evaluate_generation"),
        code=code_of("evaluate_generation"),
    shell:
        """
        python -m selfrefine.commands.run_stage evaluate_generation \
            --config {params.config:q} --code {params.code:q} --record {output.config:q} \
            --features {input.features:q} --real {input.real:q} \
            --metrics {output.metrics:q} \
            2>&1 | tee {log:q}
        """


# Of the rows that one table alone shows, where these are fewer.
use rule evaluate_generation as evaluate_generation_table with:
    input:
        features="data/extract_features/{experiment}-{table}/{dataset}/{model}/seed{seed}/features.npz",
        real="data/extract_features/{experiment}/{dataset}/{model}/real/features.npz",
    output:
        metrics="results/evaluate_generation/{experiment}-{table}/{dataset}/{model}/seed{seed}/metrics.csv",
        config="results/evaluate_generation/{experiment}-{table}/{dataset}/{model}/seed{seed}/config.json",
    log:
        "logs/evaluate_generation/{experiment}-{table}/{dataset}/{model}/seed{seed}.log",
    benchmark:
        "benchmarks/evaluate_generation/{experiment}-{table}/{dataset}/{model}/seed{seed}.tsv"


rule all_evaluate_generation:
    input:
        runs("evaluate_generation"),
