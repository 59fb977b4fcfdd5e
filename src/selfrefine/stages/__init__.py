"""One module a stage of the workflow: config, inputs, outputs and the glue between them."""
