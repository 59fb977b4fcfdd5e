# Do flaw maps show what people marked in images of others' models. Reads folders of the user, which no rule makes.
rule evaluate_human_marks:
    input:
        weights="models/fetch_weights/vgg16/weights.safetensors",
    output:
        csv=report(
            "results/evaluate_human_marks/{experiment}/{human_mark}/table_human_marks.csv",
            caption="../report/human_marks.rst",
            category="Tables",
            labels={"table": "Flaw maps and people's marks: {human_mark}"},
        ),
        md="results/evaluate_human_marks/{experiment}/{human_mark}/table_human_marks.md",
        counts="results/evaluate_human_marks/{experiment}/{human_mark}/counts.csv",
        examples=report(
            "results/evaluate_human_marks/{experiment}/{human_mark}/examples.png",
            caption="../report/human_marks.rst",
            category="Figures",
            labels={"figure": "Flaw maps and people's marks: {human_mark}"},
        ),
        config="results/evaluate_human_marks/{experiment}/{human_mark}/config.json",
    log:
        "logs/evaluate_human_marks/{experiment}/{human_mark}.log",
    benchmark:
        "benchmarks/evaluate_human_marks/{experiment}/{human_mark}.tsv"
    conda:
        "../../environment.yml"
    threads: threads_of_a_job
    resources:
        gpu=gpus,
        mem_mb=memory_of("evaluate_human_marks"),
        runtime=runtime_of("evaluate_human_marks"),
    params:
        config=config_of("evaluate_human_marks"),
        code=code_of("evaluate_human_marks"),
    shell:
        """
        python -m selfrefine.commands.run_stage evaluate_human_marks \
            --config {params.config:q} --code {params.code:q} --record {output.config:q} \
            --weights {input.weights:q} \
            --csv {output.csv:q} --md {output.md:q} --counts {output.counts:q} --examples {output.examples:q} \
            2>&1 | tee {log:q}
        """


rule all_evaluate_human_marks:
    input:
        runs("evaluate_human_marks"),
