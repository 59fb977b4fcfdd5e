# Weights of a network trained by others, checked by sha256. Needs the network, or the files in their folder.
rule fetch_weights:
    output:
        weights="models/fetch_weights/{weights}/weights.safetensors",
        config="models/fetch_weights/{weights}/config.json",
    log:
        "logs/fetch_weights/{weights}.log",
    benchmark:
        "benchmarks/fetch_weights/{weights}.tsv"
    localrule: True
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=memory_of("fetch_weights"),
        runtime=runtime_of("fetch_weights"),
    params:
        config=config_of("fetch_weights"),
        code=code_of("fetch_weights"),
    shell:
        """
        python -m selfrefine.commands.run_stage fetch_weights \
            --config {params.config:q} --code {params.code:q} --record {output.config:q} \
            --weights {output.weights:q} \
            2>&1 | tee {log:q}
        """


rule all_fetch_weights:
    input:
        runs("fetch_weights"),
