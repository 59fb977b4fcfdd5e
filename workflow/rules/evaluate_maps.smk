# Is the flaw map a flaw map: its correlations with other maps, before any refinement.
rule evaluate_maps:
    input:
        real="data/prepare_data/{experiment}/{dataset}/train/images.npy",
        fake="data/generate_fakes/{experiment}/{dataset}/{model}/seed{seed}/images.npy",
        highlighters=highlighters_of,
    output:
        metrics="results/evaluate_maps/{experiment}/{dataset}/{model}/seed{seed}/metrics.csv",
        correlations="results/evaluate_maps/{experiment}/{dataset}/{model}/seed{seed}/correlations.csv",
        maps="results/evaluate_maps/{experiment}/{dataset}/{model}/seed{seed}/maps.npz",
        config="results/evaluate_maps/{experiment}/{dataset}/{model}/seed{seed}/config.json",
    log:
        "logs/evaluate_maps/{experiment}/{dataset}/{model}/seed{seed}.log",
    benchmark:
        "benchmarks/evaluate_maps/{experiment}/{dataset}/{model}/seed{seed}.tsv"
    conda:
        "../../environment.yml"
    threads: threads_of_a_job
    resources:
        gpu=gpus,
        mem_mb=memory_of("evaluate_maps"),
        runtime=runtime_of("evaluate_maps"),
    params:
        config=config_of("evaluate_maps"),
        code=code_of("evaluate_maps"),
    shell:
        """
        python -m selfrefine.commands.run_stage evaluate_maps \
            --config {params.config:q} --code {params.code:q} --record {output.config:q} \
            --real {input.real:q} --fake {input.fake:q} --highlighters {input.highlighters:q} \
            --metrics {output.metrics:q} --correlations {output.correlations:q} --maps {output.maps:q} \
            2>&1 | tee {log:q}
        """


rule all_evaluate_maps:
    input:
        runs("evaluate_maps"),
