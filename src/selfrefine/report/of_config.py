"""The results that tables are made of, from the config of their job and its inputs."""

from collections.abc import Mapping
from typing import Any

from selfrefine.metrics.contrasts import best_scales, second_samplers
from selfrefine.report import results
from selfrefine.report.results import Results
from selfrefine.report.seed_statistics import Judgement


def read(config: Any, inputs: Mapping[str, Any]) -> Results:
    """All that was measured, and how it is judged.

    Args:
        config: of a stage that makes tables, with the leaves of make_tables.
        inputs: as of `results.read`.
    """
    judgement = Judgement(
        config.reference,
        config.equivalence_margin,
        config.minimum_seeds,
        config.primary_network,
        config.confirmatory,
        second_samplers(config.rows["samplings"]),
        best_scales(config.rows["samplings"]),
    )
    words = {name: getattr(config, name) for name in ("rows", "select", "experiment", "map_of")}
    return results.read(inputs, judgement=judgement, **words)
