# A study as a folder: the page that participants see, and the maps that their picks are compared with.
rule prepare_study:
    input:
        fake=in_run_of_study(fakes_of),
        test=in_run_of_study(test_images_of),
        highlighters=in_run_of_study(maps_of_study),
        pipeline=in_run_of_study(base_of),
        captions=in_run_of_study(captions_of("train")),
        page=page_of_study(),
        consent=consent_of_study,
    output:
        study=directory("results/prepare_study/{experiment}/{study}/study"),
        trials="results/prepare_study/{experiment}/{study}/trials.npz",
        config="results/prepare_study/{experiment}/{study}/config.json",
    log:
        "logs/prepare_study/{experiment}/{study}.log",
    benchmark:
        "benchmarks/prepare_study/{experiment}/{study}.tsv"
    conda:
        "../../environment.yml"
    threads: threads_of_a_job
    resources:
        gpu=gpus,
        mem_mb=memory_of("prepare_study"),
        runtime=runtime_of("prepare_study"),
    params:
        config=config_of("prepare_study"),
        code=code_of("prepare_study"),
    shell:
        """
        python -m selfrefine.commands.run_stage prepare_study \
            --config {params.config:q} --code {params.code:q} --record {output.config:q} \
            --fake {input.fake:q} --test {input.test:q} --highlighters {input.highlighters:q} \
            --pipeline {input.pipeline:q} --captions {input.captions:q} \
            --page {input.page:q} --consent {input.consent:q} \
            --study {output.study:q} --trials {output.trials:q} \
            2>&1 | tee {log:q}
        """


rule all_prepare_study:
    input:
        runs("prepare_study"),
