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
    threads: 8
    resources:
        gpu=1,
    params:
        config=config_of("evaluate_highlighter"),
        code=code_of("evaluate_highlighter"),
    shell:
        """
        python -m selfrefine.commands.run_stage evaluate_highlighter \
            --config {params.config:q} --code {params.code} --record {output.config} \
            --real {input.real} --fake {input.fake} --test {input.test} --highlighters {input.highlighters} \
            --metrics {output.metrics} --examples {output.examples} \
            2>&1 | tee {log}
        """


rule all_evaluate_highlighter:
    input:
        runs("evaluate_highlighter"),
