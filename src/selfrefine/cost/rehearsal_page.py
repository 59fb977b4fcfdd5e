"""What each stage of a rehearsal took, beside what the plan said, as a table of numbers and in words."""

import pandas as pd

from selfrefine.cost.plan_table import duration, size

MIB = 2**20
BYTES_ADDED = ("files", "jobs", "seconds", "planned_seconds", "disk_bytes", "planned_disk_bytes")
LEGEND = (
    "files, disk: what a stage left. peak: of its largest job, process and, on a CPU, networks. In brackets: the plan.",
    "A stage without a planned figure is none of the workflow's.",
)


def beside(measured: pd.DataFrame, planned: pd.DataFrame) -> pd.DataFrame:
    """The lines of `rehearsal.measured` with planned_seconds, planned_disk_bytes and planned_peak_mib, NaN where the
    plan has none.

    Args:
        measured: see there.
        planned: from `plan_table.lines`.
    """
    plan = pd.DataFrame(
        {
            "stage": planned["stage"],
            "planned_seconds": planned["start_seconds"] + planned["work_seconds"],
            "planned_disk_bytes": planned["disk_bytes"],
            "planned_peak_mib": (planned["process_bytes"] + planned["network_bytes"]) / MIB,
        }
    )
    return measured.merge(plan, on="stage", how="left")


def text(table: pd.DataFrame) -> str:
    """The table of `beside`, aligned, with a line for all at its end."""
    total = {column: table[column].sum() for column in BYTES_ADDED} | {"stage": "all"}
    total |= {column: table[column].max() for column in ("peak_mib", "planned_peak_mib")}
    lines = pd.concat([table, pd.DataFrame([total])], ignore_index=True)
    width = max(map(len, lines["stage"]))
    shown = pd.DataFrame({"stage": lines["stage"].str.ljust(width)})
    shown["jobs"], shown["files"] = lines["jobs"].astype(int), lines["files"].astype(int)
    for name, column, said, unit in (
        ("time", "seconds", duration, 1.0),
        ("peak", "peak_mib", size, MIB),
        ("disk", "disk_bytes", size, 1.0),
    ):
        plan = f"planned_{column}"
        pairs = zip(lines[column] * unit, lines[plan] * unit, strict=True)
        shown[name] = [f"{said(had)} [{said(thought)}]" if thought == thought else said(had) for had, thought in pairs]
    return "\n".join([shown.rename(columns={"stage": "stage".ljust(width)}).to_string(index=False), "", *LEGEND])
