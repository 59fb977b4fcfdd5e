"""Photographs and captions: providers, archives, folders, splits."""
