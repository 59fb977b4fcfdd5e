"""One module a table: `lines` makes its CSV of an experiment's `Results`, `page` makes that a page to read."""
