"""Commands that are typed by a person: console scripts and `python -m selfrefine.commands.X`."""
