"""What each row of a table took, beside what it is worth."""

import pandas as pd

from selfrefine.report.results import Results

COLUMNS = ("updates", "evaluations")
HOW_TO_READ = (
    "- Updates: training steps of all networks behind a row, the base phase counted once, without highlighters and "
    "images behind maps. Evaluations: of the network, or of it and of the one that guides it, for an image.\n"
)


def how_to_read(results: Results) -> str:
    """What the columns are; of rows under a discriminator, if there are any, how it counts."""
    judged = [row["title"] for row in results.rows["samplings"].values() if "discriminated_by" in row]
    words = (
        f"- {'; '.join(judged)}: updates with those of the discriminator, evaluations with one forward and backward "
        "pass of it a step, though it is a network of another size.\n"
    )
    return HOW_TO_READ + (words if judged else "")


def with_costs(table: pd.DataFrame, results: Results) -> pd.DataFrame:
    """The table with the columns COLUMNS, Int64; empty for a row that no network makes.

    Args:
        table: has the columns dataset, model and row.
        results: whose words tell the costs.
    """
    found = [_cost(results, *names) for names in table[["dataset", "model", "row"]].itertuples(index=False)]
    costs = pd.DataFrame(found, columns=list(COLUMNS), index=table.index).astype("Int64")
    return table.assign(**{name: costs[name] for name in COLUMNS})


def texts(table: pd.DataFrame) -> dict[str, list[str]]:
    """Heading -> the costs of each line in words."""
    headings = dict(zip(("Updates", "Evaluations"), COLUMNS, strict=True))
    return {
        heading: ["-" if pd.isna(value) else f"{value:,}" for value in table[name]]
        for heading, name in headings.items()
    }


def _cost(results: Results, dataset: str, model: str, row: str) -> list[int] | list[None]:
    models = results.rows["datasets"][dataset].get("models", {})
    found: list[int] | list[None] = models.get(model, {}).get("costs", {}).get(row, [None, None])
    return found
