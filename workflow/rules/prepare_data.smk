# Images of one split at their training size, and what is known of each.
rule prepare_data:
    input:
        photographs=idx_file("images-idx3"),
        labels=idx_file("labels-idx1"),
    output:
        images="data/prepare_data/{experiment}/{dataset}/{split}/images.npy",
        table="data/prepare_data/{experiment}/{dataset}/{split}/items.csv",
        config="data/prepare_data/{experiment}/{dataset}/{split}/config.json",
    log:
        "logs/prepare_data/{experiment}/{dataset}/{split}.log",
    benchmark:
        "benchmarks/prepare_data/{experiment}/{dataset}/{split}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=config_of("prepare_data"),
        code=code_of("prepare_data"),
    shell:
        """
        python -m selfrefine.stages.prepare_data \
            --config {params.config:q} --code {params.code} --record {output.config} \
            --photographs {input.photographs} --labels {input.labels} \
            --images {output.images} --table {output.table} \
            2>&1 | tee {log}
        """


rule all_prepare_data:
    input:
        runs("prepare_data"),
