# The tables, the paper's figures beside ours; every difference drawn.
rule make_tables:
    input:
        generation=runs("evaluate_generation", output="metrics"),
        highlighter=runs("evaluate_highlighter", output="metrics"),
        maps=runs("evaluate_maps", output="metrics"),
        correlations=runs("evaluate_maps", output="correlations"),
        readouts=runs("evaluate_readouts", output="metrics"),
        inpainting=runs("evaluate_inpainting", output="metrics"),
        prompts=runs("evaluate_prompts", output="metrics"),
        refined=runs("train_refined", output="config"),
        refreshes=runs("train_refined", output="refreshes"),
        autoencoder_configs=runs("train_autoencoder", output="config"),
        autoencoders=runs("train_autoencoder", output="autoencoder"),
        round_trips=runs("train_autoencoder", output="metrics"),
        scales=runs("choose_eps_scale", output="scales"),
        studies=runs("evaluate_study", output="metrics"),
        paper=local("workflow/resources/paper_values.csv"),
    output:
        table1_csv=report(
            "results/tables/{experiment}/table1.csv",
            caption="../report/table1.rst",
            category="Tables",
            labels={"table": "Table 1: model families"},
        ),
        table1_md="results/tables/{experiment}/table1.md",
        autoencoder_csv=report(
            "results/tables/{experiment}/autoencoder.csv",
            caption="../report/autoencoder.rst",
            category="Tables",
            labels={"table": "First stages of latent families"},
        ),
        table2_csv=report(
            "results/tables/{experiment}/table2.csv",
            caption="../report/table2.rst",
            category="Tables",
            labels={"table": "Table 2: distances to photographs"},
        ),
        table2_md="results/tables/{experiment}/table2.md",
        table3_csv=report(
            "results/tables/{experiment}/table3.csv",
            caption="../report/table3.rst",
            category="Tables",
            labels={"table": "Table 3: other data sets"},
        ),
        table3_md="results/tables/{experiment}/table3.md",
        table4_csv=report(
            "results/tables/{experiment}/table4.csv",
            caption="../report/table4.rst",
            category="Tables",
            labels={"table": "Table 4: text-to-image"},
        ),
        table4_md="results/tables/{experiment}/table4.md",
        table5_csv=report(
            "results/tables/{experiment}/table5.csv",
            caption="../report/table5.rst",
            category="Tables",
            labels={"table": "Table 5: inpainting"},
        ),
        table5_md="results/tables/{experiment}/table5.md",
        table6_csv=report(
            "results/tables/{experiment}/table6.csv",
            caption="../report/table6.rst",
            category="Tables",
            labels={"table": "Table 6: the flaw highlighter"},
        ),
        table6_md="results/tables/{experiment}/table6.md",
        table7_csv=report(
            "results/tables/{experiment}/table7.csv",
            caption="../report/table7.rst",
            category="Tables",
            labels={"table": "Table 7: other maps"},
        ),
        table7_md="results/tables/{experiment}/table7.md",
        maps_csv=report(
            "results/tables/{experiment}/maps.csv",
            caption="../report/maps.rst",
            category="Tables",
            labels={"table": "Maps: is it a flaw map"},
        ),
        maps_md="results/tables/{experiment}/maps.md",
        controls_csv=report(
            "results/tables/{experiment}/controls.csv",
            caption="../report/controls.rst",
            category="Tables",
            labels={"table": "Controls: every difference"},
        ),
        controls_md="results/tables/{experiment}/controls.md",
        table_study_csv=report(
            "results/tables/{experiment}/table_study.csv",
            caption="../report/table_study.rst",
            category="Tables",
            labels={"table": "Figure 9: do people see flaws where the map does"},
        ),
        table_study_md="results/tables/{experiment}/table_study.md",
        noise_scale_csv=report(
            "results/tables/{experiment}/noise_scale.csv",
            caption="../report/noise_scale.rst",
            category="Tables",
            labels={"table": "Scale of the predicted noise"},
        ),
        sweep_csv=report(
            "results/tables/{experiment}/sweep.csv",
            caption="../report/sweep.rst",
            category="Tables",
            labels={"table": "Sweep: the paper's search space"},
        ),
        sweep_md="results/tables/{experiment}/sweep.md",
        sweep=report(
            "results/tables/{experiment}/sweep.png",
            caption="../report/sweep.rst",
            category="Figures",
            labels={"figure": "FD over the paper's search space"},
        ),
        planted_sizes=report(
            "results/tables/{experiment}/planted_sizes.png",
            caption="../report/planted_sizes.rst",
            category="Figures",
            labels={"figure": "Planted flaws of several sizes"},
        ),
        strength_csv=report(
            "results/tables/{experiment}/strength.csv",
            caption="../report/strength.rst",
            category="Tables",
            labels={"table": "Strength of every variant"},
        ),
        strength=report(
            "results/tables/{experiment}/strength.png",
            caption="../report/strength.rst",
            category="Figures",
            labels={"figure": "FD against strength"},
        ),
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
    resources:
        mem_mb=memory_of("make_tables"),
        runtime=runtime_of("make_tables"),
    params:
        config=config_of("make_tables"),
        code=code_of("make_tables"),
    shell:
        """
        python -m selfrefine.commands.run_stage make_tables \
            --config {params.config:q} --code {params.code:q} --record {output.config:q} \
            --generation {input.generation:q} --highlighter {input.highlighter:q} \
            --maps {input.maps:q} --correlations {input.correlations:q} --readouts {input.readouts:q} \
            --inpainting {input.inpainting:q} --prompts {input.prompts:q} \
            --refined {input.refined:q} --refreshes {input.refreshes:q} \
            --autoencoder_configs {input.autoencoder_configs:q} --autoencoders {input.autoencoders:q} \
            --round_trips {input.round_trips:q} --scales {input.scales:q} --studies {input.studies:q} --paper {input.paper:q} \
            --table1_csv {output.table1_csv:q} --table1_md {output.table1_md:q} \
            --autoencoder_csv {output.autoencoder_csv:q} \
            --table2_csv {output.table2_csv:q} --table2_md {output.table2_md:q} \
            --table3_csv {output.table3_csv:q} --table3_md {output.table3_md:q} \
            --table4_csv {output.table4_csv:q} --table4_md {output.table4_md:q} \
            --table5_csv {output.table5_csv:q} --table5_md {output.table5_md:q} \
            --table6_csv {output.table6_csv:q} --table6_md {output.table6_md:q} \
            --table7_csv {output.table7_csv:q} --table7_md {output.table7_md:q} \
            --maps_csv {output.maps_csv:q} --maps_md {output.maps_md:q} \
            --controls_csv {output.controls_csv:q} --controls_md {output.controls_md:q} \
            --table_study_csv {output.table_study_csv:q} --table_study_md {output.table_study_md:q} \
            --noise_scale_csv {output.noise_scale_csv:q} \
            --sweep_csv {output.sweep_csv:q} --sweep_md {output.sweep_md:q} --sweep {output.sweep:q} --planted_sizes {output.planted_sizes:q} \
            --strength_csv {output.strength_csv:q} --strength {output.strength:q} \
            --forest {output.forest:q} --summary {output.summary:q} \
            2>&1 | tee {log:q}
        """


rule all_make_tables:
    input:
        runs("make_tables"),
