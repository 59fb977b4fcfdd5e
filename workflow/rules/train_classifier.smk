# Classifiers of real images: each tells what an image of its data set shows, and so whether a prompt was followed.
rule train_classifier:
    input:
        train_images="data/prepare_data/{experiment}/{dataset}/train/images.npy",
        train_items="data/prepare_data/{experiment}/{dataset}/train/items.csv",
        test_images="data/prepare_data/{experiment}/{dataset}/test/images.npy",
        test_items="data/prepare_data/{experiment}/{dataset}/test/items.csv",
    output:
        classifier="models/train_classifier/{experiment}/{dataset}/classifier.safetensors",
        metrics="models/train_classifier/{experiment}/{dataset}/metrics.csv",
        config="models/train_classifier/{experiment}/{dataset}/config.json",
    log:
        "logs/train_classifier/{experiment}/{dataset}.log",
    benchmark:
        "benchmarks/train_classifier/{experiment}/{dataset}.tsv"
    conda:
        "../../environment.yml"
    threads: threads_of_a_job
    resources:
        gpu=gpus,
        mem_mb=memory_of("train_classifier"),
        runtime=runtime_of("train_classifier"),
    params:
        config=config_of("train_classifier"),
        code=code_of("train_classifier"),
    shell:
        """
        python -m selfrefine.commands.run_stage train_classifier \
            --config {params.config:q} --code {params.code:q} --record {output.config:q} \
            --train_images {input.train_images:q} --train_items {input.train_items:q} \
            --test_images {input.test_images:q} --test_items {input.test_items:q} \
            --classifier {output.classifier:q} --metrics {output.metrics:q} \
            2>&1 | tee {log:q}
        """


rule all_train_classifier:
    input:
        runs("train_classifier"),
