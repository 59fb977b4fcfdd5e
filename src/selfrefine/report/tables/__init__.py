"""One module a table, each a function of the frame of all metrics."""
