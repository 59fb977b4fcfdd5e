import pytest

from selfrefine.commands import study_power
from selfrefine.commands.arguments import Parser
from selfrefine.evidence import power
from selfrefine.evidence.two_way_bootstrap import Components


def read(*words):
    """The arguments."""
    parser = Parser(prog="selfrefine study power", allow_abbrev=False)
    study_power.add_arguments(parser)
    return parser.parse_args(words)


def test_it_prints_a_line_for_each_number_of_people(capsys):
    arguments = read("--sd-answers", "0.24", "--sd-people", "0.1", "--people", "4", "15")
    study_power.run(arguments)
    head, assumed, _, columns, few, many = capsys.readouterr().out.splitlines()
    assert "10 points more" in head
    assert "4 x 4 cells (chance 18.8 %)" in head
    assert assumed == "Standard deviations: 0.100 between people, 0.150 between images, 0.240 of single answers."
    assert columns.split() == ["people", "images", "each", "answers"]
    assert few.split()[:2] == ["4", "too"]
    (need,) = power.images_and_people(0.1, Components(0.1, 0.15, 0.24), [15])
    assert many.split() == ["15", str(need.images), str(15 * need.images)]


def test_without_a_pilot_answers_vary_as_picks_at_the_share_that_is_to_be_shown():
    found = study_power.lines(read("--grid", "8", "--difference", "0.05"))
    assert f"{power.answer_noise(64, 3 / 64 + 0.05):.3f} of single answers" in found[1]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--difference", "10"], "--difference: 10 given; allowed: numbers above 0 and below 1"),
        (["--people", "3"], "--people: 3 given; allowed: whole numbers from 4"),
        (["--grid", "2"], "--grid: 2 given"),
        (["--sd-people", "nan"], "--sd-people: nan given"),
    ],
)
def test_a_bad_value_is_told_in_a_line(words, told, capsys):
    with pytest.raises(SystemExit) as ended:
        read(*words)
    assert ended.value.code == 2
    assert told in capsys.readouterr().err
