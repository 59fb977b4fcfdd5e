# How well each highlighter tells images apart that it never saw, what it goes by, whether its maps find planted flaws.
rule evaluate_highlighter:
    input:
        real="data/prepare_data/{experiment}/{dataset}/train/images.npy",
        fake="data/generate_fakes/{experiment}/{dataset}/{model}/seed{seed}/images.npy",
        test="data/prepare_data/{experiment}/{dataset}/test/images.npy",
        highlighters=highlighters_of,
    output:
        metrics="results/evaluate_highlighter/{experiment}/{dataset}/{model}/seed{seed}/metrics.csv",
        examples="results/evaluate_highlighter/{experiment}/{dataset}/{model}/seed{seed}/examples.npz",
        config="results/evaluate_highlighter/{experiment}/{dataset}/{model}/seed{seed}/config.json",
    log:
        "logs/evaluate_highlighter/{experiment}/{dataset}/{model}/seed{seed}.log",
    benchmark:
        "benchmarks/evaluate_highlighter/{experiment}/{dataset}/{model}/seed{seed}.tsv"
    conda:
        "../../environment.yml"
    threads: threads_of_a_job
    resources:
        gpu=gpus,
        mem_mb=memory_of("evaluate_highlighter"),
        runtime=runtime_of("evaluate_highlighter"),
    params:
        config=config_of("evaluate_highlighter"),
        code=code_of("evaluate_highlighter"),
    shell:
        """
        python -m selfrefine.commands.run_stage evaluate_highlighter \
            --config {params.config:q} --code {params.code:q} --record {output.config:q} \
            --real {input.real:q} --fake {input.fake:q} --test {input.test:q} --highlighters {input.highlighters:q} \
            --metrics {output.metrics:q} --examples {output.examples:q} \
            2>&1 | tee {log:q}
        """


rule all_evaluate_highlighter:
    input:
        runs("evaluate_highlighter"),
