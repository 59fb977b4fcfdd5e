"""Self-refining diffusion: train, refine and evaluate diffusion models with flaw activation maps (arXiv 2512.08774)."""
