# What people picked, against the maps.
rule evaluate_study:
    input:
        study="results/prepare_study/{experiment}/{study}/study",
    output:
        metrics="results/evaluate_study/{experiment}/{study}/metrics.csv",
        picks="results/evaluate_study/{experiment}/{study}/picks.npz",
        config="results/evaluate_study/{experiment}/{study}/config.json",
    log:
        "logs/evaluate_study/{experiment}/{study}.log",
    benchmark:
        "benchmarks/evaluate_study/{experiment}/{study}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=memory_of("evaluate_study"),
        runtime=runtime_of("evaluate_study"),
    params:
        config=config_of("evaluate_study"),
        code=code_of("evaluate_study"),
    shell:
        """
        python -m selfrefine.commands.run_stage evaluate_study \
            --config {params.config:q} --code {params.code:q} --record {output.config:q} \
            --study {input.study:q} \
            --metrics {output.metrics:q} --picks {output.picks:q} \
            2>&1 | tee {log:q}
        """


rule all_evaluate_study:
    input:
        runs("evaluate_study"),
