"""One module a figure, each a function of arrays and tables."""
