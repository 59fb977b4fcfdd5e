"""The map: how it is used, how it is made, its controls."""
