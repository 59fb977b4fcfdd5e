# Highlighters: each tells photographs from images of the base model, those of its own draw.
rule train_highlighter:
    input:
        real="data/prepare_data/{experiment}/{dataset}/train/images.npy",
        fake="data/generate_fakes/{experiment}/{dataset}/{model}/seed{seed}/images.npy",
        weights="models/fetch_weights/vgg16/weights.safetensors",
        base=base_of_highlighter,
    output:
        highlighter="models/train_highlighter/{experiment}/{dataset}/{model}/{highlighter}/seed{seed}/highlighter.safetensors",
        loss="models/train_highlighter/{experiment}/{dataset}/{model}/{highlighter}/seed{seed}/loss.csv",
        config="models/train_highlighter/{experiment}/{dataset}/{model}/{highlighter}/seed{seed}/config.json",
    log:
        "logs/train_highlighter/{experiment}/{dataset}/{model}/{highlighter}/seed{seed}.log",
    benchmark:
        "benchmarks/train_highlighter/{experiment}/{dataset}/{model}/{highlighter}/seed{seed}.tsv"
    conda:
        "../../environment.yml"
    threads: threads_of_a_job
    resources:
        gpu=gpus,
        mem_mb=memory_of("train_highlighter"),
        runtime=runtime_of("train_highlighter"),
    params:
        config=config_of("train_highlighter"),
        code=code_of("train_highlighter"),
    shell:
        """
        python -m selfrefine.commands.run_stage train_highlighter \
            --config {params.config:q} --code {params.code:q} --record {output.config:q} \
            --real {input.real:q} --fake {input.fake:q} --weights {input.weights:q} \
            --base {input.base:q} \
            --highlighter {output.highlighter:q} --loss {output.loss:q} \
            2>&1 | tee {log:q}
        """


rule all_train_highlighter:
    input:
        runs("train_highlighter"),
