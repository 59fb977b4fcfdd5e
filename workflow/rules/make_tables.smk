# The tables, the paper's figures beside ours; every difference drawn.
rule make_tables:
    input:
        generation=runs("evaluate_generation", output="metrics"),
        highlighter=runs("evaluate_highlighter", output="metrics"),
        readouts=runs("evaluate_readouts", output="metrics"),
        refined=runs("train_refined", output="config"),
        refreshes=runs("train_refined", output="refreshes"),
        paper="workflow/resources/paper_values.csv",
    output:
        table2_csv=report(
            "results/tables/{experiment}/table2.csv",
            caption="../report/table2.rst",
            category="Tables",
            labels={"table": "Table 2: distances to photographs"},
        ),
        table2_md="results/tables/{experiment}/table2.md",
        controls_csv=report(
            "results/tables/{experiment}/controls.csv",
            caption="../report/controls.rst",
            category="Tables",
            labels={"table": "Controls: every difference"},
        ),
        controls_md="results/tables/{experiment}/controls.md",
        table7_csv=report(
            "results/tables/{experiment}/table7.csv",
            caption="../report/table7.rst",
            category="Tables",
            labels={"table": "Table 7: other maps"},
        ),
        table7_md="results/tables/{experiment}/table7.md",
        forest=report(
            "results/tables/{experiment}/forest.png",
            caption="../report/forest.rst",
            category="Figures",
            labels={"figure": "Every difference, with its seeds"},
        ),
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
            --generation {input.generation} --highlighter {input.highlighter} --readouts {input.readouts} \
            --refined {input.refined} --refreshes {input.refreshes} --paper {input.paper} \
            --table2_csv {output.table2_csv} --table2_md {output.table2_md} \
            --controls_csv {output.controls_csv} --controls_md {output.controls_md} \
            --table7_csv {output.table7_csv} --table7_md {output.table7_md} \
            --forest {output.forest} --summary {output.summary} \
            2>&1 | tee {log}
        """


rule all_make_tables:
    input:
        runs("make_tables"),
