"""Words of a command line: a bad one ends the command with one line; the options that several commands have."""

import argparse
import itertools
import math
import re
from collections.abc import Callable, Sequence
from typing import NoReturn, TypeVar

from selfrefine.params.words import nearest

OPTION = re.compile(r"(--?[A-Za-z][\w-]*)(=.*)?", re.DOTALL)  # a word that is meant as an option, known or not

ValueT = TypeVar("ValueT", int, float)


class Parser(argparse.ArgumentParser):
    """argparse's, with one line on standard error and exit code 2 in the place of a usage."""

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """The values of the words; a misspelt option is named before those that are missing."""
        chosen = self.parser_of(words)
        if chosen is not self:  # options of an action follow its name
            chosen.read(words[1:])
            return self.parse_args(words)
        known = self._option_string_actions
        for word in itertools.takewhile(lambda word: word != "--", words):
            if (option := OPTION.fullmatch(word)) and option[1] not in known:
                self.error(f"{option[1]} is no option{nearest(option[1], known)}")
            if option and option[2] == "=--":  # argparse takes these two for the end of the options, also here
                self.error(f"{option[1]}: -- given; allowed: a value of this option")
        return self.parse_args(words)

    def parser_of(self, words: Sequence[str]) -> "Parser":
        """That of the action which the first word names, or this one."""
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction) and words and words[0] in action.choices:
                found: Parser = action.choices[words[0]]
                return found
        return self

    def error(self, message: str) -> NoReturn:
        """Ends the program with the message."""
        self.exit(2, f"{self.prog}: {message.removeprefix('argument ')}; `{self.prog} --help` shows an example\n")


def number(kind: type[ValueT], fits: Callable[[ValueT], bool], allowed: str) -> Callable[[str], ValueT]:
    """A type of argument: finite numbers of a kind that fit, and the words that say which do."""

    def read(text: str) -> ValueT:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not math.isfinite(value) or not fits(value):
            raise argparse.ArgumentTypeError(f"{text} given; allowed: {allowed}")
        return value

    return read


def whole_number(least: int, most: int | None = None) -> Callable[[str], int]:
    """A type of argument: whole numbers from `least` on, to `most` if that is given."""
    end = "on" if most is None else f"to {most:,}"
    return number(
        int, lambda value: least <= value and (most is None or value <= most), f"whole numbers from {least} {end}"
    )


def add_experiment(parser: argparse.ArgumentParser) -> None:
    """The option that names an experiment."""
    parser.add_argument("--experiment", help="a file of experiments/; the one that params.yaml names if left out")


def add_device(parser: argparse.ArgumentParser) -> None:
    """The options that say what networks run on."""
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"), help="default: auto")
    parser.add_argument(
        "--precision", default="auto", choices=("auto", "float32", "bfloat16"), help="of the networks; default: auto"
    )
