# Embeddings of the captions of both splits, once for every job that reads them.
rule encode_captions:
    input:
        train_items="data/prepare_data/{experiment}/{dataset}/train/items.csv",
        test_items="data/prepare_data/{experiment}/{dataset}/test/items.csv",
        text_encoder=text_encoder_of,
    output:
        embeddings="data/encode_captions/{experiment}/{dataset}/{model}/embeddings.npy",
        train_rows="data/encode_captions/{experiment}/{dataset}/{model}/train_rows.npy",
        test_rows="data/encode_captions/{experiment}/{dataset}/{model}/test_rows.npy",
        config="data/encode_captions/{experiment}/{dataset}/{model}/config.json",
    log:
        "logs/encode_captions/{experiment}/{dataset}/{model}.log",
    benchmark:
        "benchmarks/encode_captions/{experiment}/{dataset}/{model}.tsv"
    conda:
        "../../environment.yml"
    threads: threads_of_a_job
    resources:
        gpu=gpus,
        mem_mb=memory_of("encode_captions"),
        runtime=runtime_of("encode_captions"),
    params:
        config=config_of("encode_captions"),
        code=code_of("encode_captions"),
    shell:
        """
        python -m selfrefine.commands.run_stage encode_captions \
            --config {params.config:q} --code {params.code:q} --record {output.config:q} \
            --train_items {input.train_items:q} --test_items {input.test_items:q} --text_encoder {input.text_encoder:q} \
            --embeddings {output.embeddings:q} --train_rows {output.train_rows:q} --test_rows {output.test_rows:q} \
            2>&1 | tee {log:q}
        """


rule all_encode_captions:
    input:
        runs("encode_captions"),
