# Images of both splits at their training size, and what is known of each: of a source's files, or of a user's folder.
rule prepare_data:
    input:
        photographs=idx_files("images-idx3"),
        labels=idx_files("labels-idx1"),
    output:
        train_images="data/prepare_data/{experiment}/{dataset}/train/images.npy",
        train_items="data/prepare_data/{experiment}/{dataset}/train/items.csv",
        test_images="data/prepare_data/{experiment}/{dataset}/test/images.npy",
        test_items="data/prepare_data/{experiment}/{dataset}/test/items.csv",
        notes="data/prepare_data/{experiment}/{dataset}/notes.csv",
        config="data/prepare_data/{experiment}/{dataset}/config.json",
    log:
        "logs/prepare_data/{experiment}/{dataset}.log",
    benchmark:
        "benchmarks/prepare_data/{experiment}/{dataset}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=memory_of("prepare_data"),
        runtime=runtime_of("prepare_data"),
    params:
        config=config_of("prepare_data"),
        code=code_of("prepare_data"),
    shell:
        """
        python -m selfrefine.commands.run_stage prepare_data \
            --config {params.config:q} --code {params.code:q} --record {output.config:q} \
            --photographs {input.photographs:q} --labels {input.labels:q} \
            --train_images {output.train_images:q} --train_items {output.train_items:q} \
            --test_images {output.test_images:q} --test_items {output.test_items:q} --notes {output.notes:q} \
            2>&1 | tee {log:q}
        """


rule all_prepare_data:
    input:
        runs("prepare_data"),
