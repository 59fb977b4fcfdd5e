"""Measures of generated images and of the highlighter, in numpy; only `features` imports torch."""
