# How near the inpainted images of a model come to the photographs, for each kind of mask.
rule evaluate_inpainting:
    input:
        images=inpainted("images.npy"),
        raw=inpainted("raw.npy"),
        masks=inpainted("masks.npy"),
        photographs="data/prepare_data/{experiment}/{dataset}/test/images.npy",
        weights=expand("models/fetch_weights/{weights}/weights.safetensors", weights=selected("weights")),
    output:
        metrics="results/evaluate_inpainting/{experiment}/{dataset}/{model}/seed{seed}/metrics.csv",
        by_image="results/evaluate_inpainting/{experiment}/{dataset}/{model}/seed{seed}/images.csv",
        config="results/evaluate_inpainting/{experiment}/{dataset}/{model}/seed{seed}/config.json",
    log:
        "logs/evaluate_inpainting/{experiment}/{dataset}/{model}/seed{seed}.log",
    benchmark:
        "benchmarks/evaluate_inpainting/{experiment}/{dataset}/{model}/seed{seed}.tsv"
    conda:
        "../../environment.yml"
    threads: threads_of_a_job
    resources:
        gpu=gpus,
        mem_mb=memory_of("evaluate_inpainting"),
        runtime=runtime_of("evaluate_inpainting"),
    params:
        config=config_of("evaluate_inpainting"),
        code=code_of("evaluate_inpainting"),
    shell:
        """
        python -m selfrefine.commands.run_stage evaluate_inpainting \
            --config {params.config:q} --code {params.code:q} --record {output.config:q} \
            --images {input.images:q} --raw {input.raw:q} --masks {input.masks:q} \
            --photographs {input.photographs:q} --weights {input.weights:q} \
            --metrics {output.metrics:q} --by_image {output.by_image:q} \
            2>&1 | tee {log:q}
        """


rule all_evaluate_inpainting:
    input:
        runs("evaluate_inpainting"),
