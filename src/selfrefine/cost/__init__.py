"""What an experiment takes and what the method costs: plan, bench, fidelity of a cheap map."""
