"""Weights and encoders that others trained, and safe reading of them."""
