"""From seeds to statements: one frame of all metrics, statistics over seeds, tables, figures."""
