"""The subcommand `selfrefine study power`: how many images and people a study needs (method 12.6)."""

import argparse
from typing import Any

from selfrefine.commands.arguments import number, whole_number

SUMMARY = "Tells how many images and people a study needs to show a difference between two maps"
# Until a pilot has measured them. Not in paper: assumptions, because the paper gives none.
PEOPLE, IMAGES = 0.05, 0.15

share = number(float, lambda value: 0.0 < value < 1.0, "numbers above 0 and below 1")
deviation = number(float, lambda value: 0.0 <= value <= 1.0, "numbers from 0 to 1")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options; after a pilot the deviations are sd_people, sd_images and sd_answers of evaluate_study."""
    parser.add_argument("--difference", type=share, default=0.1, help="of shares: 0.1, the default, is ten points")
    parser.add_argument("--grid", type=whole_number(3, 64), default=4, help="cells a side; default: 4")
    parser.add_argument("--power", type=share, default=0.8, help="probability to show it; default: 0.8")
    parser.add_argument(
        "--people", type=whole_number(4, 10_000), nargs="+", default=[5, 10, 15, 20, 30, 50], help="numbers of people"
    )
    parser.add_argument("--sd-people", type=deviation, default=PEOPLE, help=f"between people; default: {PEOPLE}")
    parser.add_argument("--sd-images", type=deviation, default=IMAGES, help=f"between images; default: {IMAGES}")
    parser.add_argument(
        "--sd-answers", type=deviation, help="of single answers; default: of picks at the share to show"
    )


def run(arguments: argparse.Namespace) -> None:
    """Prints the lines."""
    print("\n".join(lines(arguments)))


def lines(arguments: argparse.Namespace) -> list[str]:
    """What is asked, what is assumed, and a line for each number of people."""
    from selfrefine.evidence import human_picks, power  # imports torch
    from selfrefine.evidence.two_way_bootstrap import Components

    n_cells = arguments.grid**2
    chance = human_picks.chance(n_cells)[human_picks.SHARE].value
    answers = arguments.sd_answers
    if answers is None:
        answers = power.answer_noise(n_cells, min(chance + arguments.difference, 1.0))
    varies = Components(arguments.sd_people, arguments.sd_images, answers)
    needs = power.images_and_people(arguments.difference, varies, arguments.people, arguments.power)
    return [
        f"To show {100.0 * arguments.difference:g} points more of the picks in one map's top three than in another's, "
        f"on {arguments.grid} x {arguments.grid} cells (chance {100.0 * chance:.1f} %), with "
        f"{100.0 * arguments.power:g} % power, two-sided at 95 %.",
        f"Standard deviations: {varies.people:.3f} between people, {varies.images:.3f} between images, "
        f"{varies.answers:.3f} of single answers.",
        "",
        "people  images each  answers",
        *(_line(need, power.MOST_IMAGES) for need in needs),
    ]


def _line(need: Any, most: int) -> str:
    """One number of people."""
    if need.images is None:
        return f"{need.people:>6}  too few people, up to {most} images"
    return f"{need.people:>6}  {need.images:>11}  {need.people * need.images:>7}"
