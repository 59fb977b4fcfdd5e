"""The study of the paper's Figure 9: people pick the cells of a grid that look least natural, in their browser."""
