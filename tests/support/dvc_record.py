"""What dvc.yaml says of each stage."""

import yaml

from tests.support.project import ROOT

RECORD = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]


def watched(stage: str) -> list[str]:
    """The params of params.yaml that a stage of dvc.yaml watches."""
    return [entry for entry in RECORD[stage]["params"] if isinstance(entry, str)]
