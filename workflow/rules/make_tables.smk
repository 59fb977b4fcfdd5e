# The tables, the paper's figures beside ours.
rule make_tables:
    input:
        generation=runs("evaluate_generation", output="metrics"),
        highlighter=runs("evaluate_highlighter", output="metrics"),
        paper="workflow/resources/paper_values.csv",
    output:
        table2_csv=report(
            "results/tables/{experiment}/table2.csv",
            caption="../report/table2.rst",
            category="Tables",
            labels={"table": "Table 2: distances to photographs"},
        ),
        table2_md="results/tables/{experiment}/table2.md",
        summary="results/tables/{experiment}/summary.json",
        config="results/tables/{experiment}/config.json",
    log:
        "logs/make_tables/{experiment}.log",
    benchmark:
        "benchmarks/make_tables/{experiment}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=config_of("make_tables"),
        code=code_of("make_tables"),
    shell:
        """
        python -m selfrefine.stages.make_tables \
            --config {params.config:q} --code {params.code} --record {output.config} \
            --generation {input.generation} --highlighter {input.highlighter} --paper {input.paper} \
            --table2_csv {output.table2_csv} --table2_md {output.table2_md} --summary {output.summary} \
            2>&1 | tee {log}
        """


rule all_make_tables:
    input:
        runs("make_tables"),
