# The best scale of the noise of a network, by its images' distance to training photographs.
rule choose_eps_scale:
    input:
        pipeline=network_of_sampling,
        captions=captions_of("train"),
        photographs="data/prepare_data/{experiment}/{dataset}/train/images.npy",
        weights=primary_weights(),
    output:
        scales="results/choose_eps_scale/{experiment}/{dataset}/{model}/{variant}/seed{seed}/scales.csv",
        config="results/choose_eps_scale/{experiment}/{dataset}/{model}/{variant}/seed{seed}/config.json",
    log:
        "logs/choose_eps_scale/{experiment}/{dataset}/{model}/{variant}/seed{seed}.log",
    benchmark:
        "benchmarks/choose_eps_scale/{experiment}/{dataset}/{model}/{variant}/seed{seed}.tsv"
    wildcard_constraints:
        variant=any_row("samplings"),
    conda:
        "../../environment.yml"
    threads: threads_of_a_job
    resources:
        gpu=gpus,
        mem_mb=memory_of("choose_eps_scale"),
        runtime=runtime_of("choose_eps_scale"),
    params:
        config=config_of("choose_eps_scale"),
        code=code_of("choose_eps_scale"),
    shell:
        """
        python -m selfrefine.commands.run_stage choose_eps_scale \
            --config {params.config:q} --code {params.code:q} --record {output.config:q} \
            --pipeline {input.pipeline:q} --captions {input.captions:q} --photographs {input.photographs:q} \
            --weights {input.weights:q} \
            --scales {output.scales:q} \
            2>&1 | tee {log:q}
        """


rule all_choose_eps_scale:
    input:
        runs("choose_eps_scale"),
