# Original data, checked by sha256. Needs the network, or the files in the source's folder.
rule fetch_data:
    output:
        train_images="data/fetch_data/{source}/train-images-idx3-ubyte",
        train_labels="data/fetch_data/{source}/train-labels-idx1-ubyte",
        test_images="data/fetch_data/{source}/t10k-images-idx3-ubyte",
        test_labels="data/fetch_data/{source}/t10k-labels-idx1-ubyte",
        config="data/fetch_data/{source}/config.json",
    log:
        "logs/fetch_data/{source}.log",
    benchmark:
        "benchmarks/fetch_data/{source}.tsv"
    localrule: True
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=memory_of("fetch_data"),
        runtime=runtime_of("fetch_data"),
    params:
        config=config_of("fetch_data"),
        code=code_of("fetch_data"),
    shell:
        """
        python -m selfrefine.commands.run_stage fetch_data \
            --config {params.config:q} --code {params.code:q} --record {output.config:q} \
            --train_images {output.train_images:q} --train_labels {output.train_labels:q} \
            --test_images {output.test_images:q} --test_labels {output.test_labels:q} \
            2>&1 | tee {log:q}
        """


rule all_fetch_data:
    input:
        runs("fetch_data"),
