"""What every room may use: files, arrays, random streams, devices, jobs, progress, errors."""
