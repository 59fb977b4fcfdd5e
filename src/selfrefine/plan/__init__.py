"""What an experiment would take, worked out before anything starts: jobs, FLOPs, time, disk and memory."""
