"""What dvc.yaml says of each stage."""

from typing import Any

import yaml

from tests.support.project import ROOT

LISTS = "list_jobs"  # the stage of DVC that is none of the workflow: it lists the jobs of all others
RECORD: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
LISTED = RECORD.pop(LISTS)
