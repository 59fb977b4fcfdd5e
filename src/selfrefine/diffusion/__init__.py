"""The mathematics of diffusion: forward process, schedules, samplers, RePaint, latents, prompts; knows no map."""
