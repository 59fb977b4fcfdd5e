# The figures: samples of every selected data set; all else of the first one, its first model and seed.
rule make_figures:
    input:
        photographs=runs("prepare_data", output="test_images"),
        samples=samples_of_data_sets(),
        families=samples_of_families(),
        refined_maps=runs("train_refined", output="maps", **first_run()),
        refreshes=runs("train_refined", output="refreshes", **first_run()),
        examples=runs("evaluate_highlighter", output="examples", **first_run()),
        correlations=runs("evaluate_maps", output="correlations", **first_run()),
        mean_maps=runs("evaluate_maps", output="maps", **first_run()),
        losses=[*runs("train_base", output="loss", **first_run()), *runs("train_refined", output="loss", **first_run())],
        inpainted=first_inpainted("images"),
        masks=first_inpainted("masks"),
        prompted=first_prompted("samples"),
        captions=first_prompted("captions"),
        trials=of_first_study("prepare_study", "trials"),
        picks=of_first_study("evaluate_study", "picks"),
    output:
        figure4=report(
            "results/figures/{experiment}/figure4.png",
            caption="../report/figure4.rst",
            category="Figures",
            labels={"figure": "Figure 4: samples of both processes"},
        ),
        figure4_all=report(
            "results/figures/{experiment}/figure4_all.png",
            caption="../report/figure4_all.rst",
            category="Figures",
            labels={"figure": "Figure 4 of all variants and data sets"},
        ),
        figure5=report(
            "results/figures/{experiment}/figure5.png",
            caption="../report/figure5.rst",
            category="Figures",
            labels={"figure": "Figure 5: samples of all model families"},
        ),
        figure6=report(
            "results/figures/{experiment}/figure6.png",
            caption="../report/figure6.rst",
            category="Figures",
            labels={"figure": "Figure 6: images made from prompts"},
        ),
        figure7=report(
            "results/figures/{experiment}/figure7.png",
            caption="../report/figure7.rst",
            category="Figures",
            labels={"figure": "Figure 7: inpainted images"},
        ),
        figure8=report(
            "results/figures/{experiment}/figure8.png",
            caption="../report/figure8.rst",
            category="Figures",
            labels={"figure": "Figure 8: flaw maps"},
        ),
        figure9=report(
            "results/figures/{experiment}/figure9.png",
            caption="../report/figure9.rst",
            category="Figures",
            labels={"figure": "Figure 9: where people see flaws"},
        ),
        planted=report(
            "results/figures/{experiment}/planted.png",
            caption="../report/planted_flaws.rst",
            category="Figures",
            labels={"figure": "Planted flaws and their maps"},
        ),
        maps=report(
            "results/figures/{experiment}/maps.png",
            caption="../report/correlations.rst",
            category="Figures",
            labels={"figure": "Maps and their correlations"},
        ),
        mfam=report(
            "results/figures/{experiment}/mfam.png",
            caption="../report/mfam.rst",
            category="Figures",
            labels={"figure": "Mean flaw map over the refreshes"},
        ),
        loss=report(
            "results/figures/{experiment}/loss.png",
            caption="../report/loss.rst",
            category="Figures",
            labels={"figure": "Loss curves"},
        ),
        loss_base=report(
            "results/figures/{experiment}/loss_base.csv",
            caption="../report/loss.rst",
            category="Figures",
            labels={"figure": "Loss of the base phase, numbers"},
        ),
        loss_refined=report(
            "results/figures/{experiment}/loss_refined.csv",
            caption="../report/loss.rst",
            category="Figures",
            labels={"figure": "Loss of the refinement phase, numbers"},
        ),
        config="results/figures/{experiment}/config.json",
    log:
        "logs/make_figures/{experiment}.log",
    benchmark:
        "benchmarks/make_figures/{experiment}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=memory_of("make_figures"),
        runtime=runtime_of("make_figures"),
    params:
        config=config_of("make_figures"),
        code=code_of("make_figures"),
    shell:
        """
        python -m selfrefine.commands.run_stage make_figures \
            --config {params.config:q} --code {params.code:q} --record {output.config:q} \
            --photographs {input.photographs:q} --samples {input.samples:q} --families {input.families:q} \
            --refined_maps {input.refined_maps:q} --refreshes {input.refreshes:q} --examples {input.examples:q} \
            --correlations {input.correlations:q} --mean_maps {input.mean_maps:q} --losses {input.losses:q} \
            --inpainted {input.inpainted:q} --masks {input.masks:q} \
            --prompted {input.prompted:q} --captions {input.captions:q} \
            --trials {input.trials:q} --picks {input.picks:q} \
            --figure4 {output.figure4:q} --figure4_all {output.figure4_all:q} --figure5 {output.figure5:q} \
            --figure6 {output.figure6:q} --figure7 {output.figure7:q} --figure8 {output.figure8:q} \
            --figure9 {output.figure9:q} --planted {output.planted:q} \
            --maps {output.maps:q} --mfam {output.mfam:q} --loss {output.loss:q} \
            --loss_base {output.loss_base:q} --loss_refined {output.loss_refined:q} \
            2>&1 | tee {log:q}
        """


rule all_make_figures:
    input:
        runs("make_figures"),
