"""Highlighters that no selection names: those of noisy images, by which rows of `samplings` are discriminated."""

from collections.abc import Mapping
from typing import Any

from selfrefine.params import job_config


def trained_highlighters(params: Mapping[str, Any], dataset: str, model: str) -> list[str]:
    """What is trained on a data set with a model.

    The selected highlighters, of which maps and tables are, and those that guide selected rows of `samplings`.
    """
    rows = [params["samplings"][name] for name in job_config.selected(params, "samplings", dataset, model)]
    guiding = [row["discriminated_by"] for row in rows if "discriminated_by" in row]
    return list(dict.fromkeys([*job_config.selected(params, "highlighters", dataset, model), *guiding]))
