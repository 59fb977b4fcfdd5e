# A text encoder trained by others, checked by sha256. Needs the network, or the files in their folder.
rule fetch_text_encoder:
    output:
        text_encoder=directory("models/fetch_text_encoder/{text_encoder}/text_encoder"),
        config="models/fetch_text_encoder/{text_encoder}/config.json",
    log:
        "logs/fetch_text_encoder/{text_encoder}.log",
    benchmark:
        "benchmarks/fetch_text_encoder/{text_encoder}.tsv"
    localrule: True
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=memory_of("fetch_text_encoder"),
        runtime=runtime_of("fetch_text_encoder"),
    params:
        config=config_of("fetch_text_encoder"),
        code=code_of("fetch_text_encoder"),
    shell:
        """
        python -m selfrefine.commands.run_stage fetch_text_encoder \
            --config {params.config:q} --code {params.code:q} --record {output.config:q} \
            --text_encoder {output.text_encoder:q} \
            2>&1 | tee {log:q}
        """


rule all_fetch_text_encoder:
    input:
        runs("fetch_text_encoder"),
