"""Is it a flaw map: probes, correlations, planted flaws, shortcuts."""
