"""What a person types: one module a command; the Snakemake entry; the server that runs stages."""
