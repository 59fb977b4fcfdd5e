"""Flaws in any folder of generated images, without a diffusion model: two folders in, maps and a page out."""
