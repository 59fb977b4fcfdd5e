"""What a job's config is: merge, check, constraints between leaves, digest of the code; imports nothing heavy."""
