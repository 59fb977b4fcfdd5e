# What the run says: ten sentences, every table in short form and every figure in one page.
rule make_summary:
    input:
        tables=runs("make_tables"),
        figures=runs("make_figures"),
        template=local("workflow/resources/summary.html"),
    output:
        index=report(
            "results/summary/{experiment}/index.html",
            caption="../report/summary.rst",
            category="Summary",
            labels={"page": "What this run says"},
        ),
        summary="results/summary/{experiment}/summary.md",
        config="results/summary/{experiment}/config.json",
    log:
        "logs/make_summary/{experiment}.log",
    benchmark:
        "benchmarks/make_summary/{experiment}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=memory_of("make_summary"),
        runtime=runtime_of("make_summary"),
    params:
        config=config_of("make_summary"),
        code=code_of("make_summary"),
    shell:
        """
        python -m selfrefine.commands.run_stage make_summary \
            --config {params.config:q} --code {params.code:q} --record {output.config:q} \
            --tables {input.tables:q} --figures {input.figures:q} --template {input.template:q} \
            --index {output.index:q} --summary {output.summary:q} \
            2>&1 | tee {log:q}
        """


rule all_make_summary:
    input:
        runs("make_summary"),
