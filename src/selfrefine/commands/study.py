"""Runs the study of Figure 9, from its page to its data; each action is a word after `selfrefine study`."""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from selfrefine.commands import study_power
from selfrefine.commands.arguments import Parser, whole_number
from selfrefine.core import locks
from selfrefine.core.errors import InputError

HELP = """
Needs: the folder of a study, which an experiment with `select.studies` makes, and a folder for people's answers,
  outside of what an experiment makes: its jobs replace their outputs.
Makes: what the action says; `selfrefine study ACTION --help` lists its options.

Example: opens the study on this machine, until Ctrl-C.
  selfrefine study serve results/prepare_study/embedded/garments/study --answers answers
"""
HERE = "127.0.0.1"

Add = Callable[[argparse.ArgumentParser], None]
Run = Callable[[argparse.Namespace], None]


class Action(NamedTuple):
    """A word after `selfrefine study`: what it does in a line, its options, and what runs it."""

    summary: str
    add_arguments: Add
    run: Run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds a parser for each action."""
    actions = parser.add_subparsers(metavar="ACTION", required=True, dest="action", parser_class=Parser)
    for name, action in ACTIONS.items():
        found = actions.add_parser(name, help=action.summary, description=f"{action.summary}.", allow_abbrev=False)
        found.set_defaults(act=action.run)
        action.add_arguments(found)


def run(arguments: argparse.Namespace) -> None:
    """Runs the action that was asked for.

    Raises:
        InputError: what it was given does not fit together.
    """
    arguments.act(arguments)


def _add_study(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", type=Path, help="folder of the study: it holds public/ and private/")


def _add_both(parser: argparse.ArgumentParser) -> None:
    _add_study(parser)
    parser.add_argument("--answers", type=Path, required=True, help="folder of the answers, a file a participant")


def _add_serve(parser: argparse.ArgumentParser) -> None:
    _add_both(parser)
    parser.add_argument(
        "--address",
        default=HERE,
        help="of the interface to listen on; default: 127.0.0.1, which this machine alone can reach; with 0.0.0.0 all "
        "who reach this machine can take part, and what they send is not encrypted on its way",
    )
    parser.add_argument("--port", type=whole_number(0, 65535), default=8000, help="0 for any free; default: 8000")


def _serve(arguments: argparse.Namespace) -> None:
    from selfrefine.study import answers, server

    folder = _outside(arguments.answers, arguments.study)
    open_server = server.open_server(arguments.study, folder, arguments.address, arguments.port)
    try:
        with locks.hold(folder / ".serving"), open_server:
            print(f"Serving {arguments.study} at http://{arguments.address}:{open_server.server_port}/ until Ctrl-C")
            if arguments.address != HERE:
                print(
                    "Others can reach this server, and what they send is not encrypted: put a proxy with TLS before it"
                )
            try:
                print(end="", flush=True)
                open_server.serve_forever(poll_interval=0.2)
            except KeyboardInterrupt:
                print(f"\nEnded; participants in {folder}: {sum(1 for _ in answers.participants(folder))}")
    except locks.HeldError as error:
        raise InputError(
            f"{folder}: {error} serves a study into it already; end that, or name another folder"
        ) from None


def _status(arguments: argparse.Namespace) -> None:
    from selfrefine.study import answers, records

    known = records.rules(arguments.study)
    began = ended = given = simulated = others = 0
    for path, found in answers.participants(arguments.answers):
        if found[0]["study"] != known.study:
            others += 1
        elif "simulated" in found[0]:
            simulated += 1
        else:
            kinds = [record["kind"] for record in found]
            began, ended, given = began + 1, ended + ("end" in kinds), given + kinds.count("answer")
            last = time.strftime("%Y-%m-%d %H:%M", time.localtime(path.stat().st_mtime))
            state = "ended" if "end" in kinds else "not yet at the end"
            print(f"{path.stem[:8]}  {kinds.count('answer')} of {len(known.trials)} images, {state}, last {last}")
    print(f"Study {known.study}: participants who began: {began}; who ended: {ended}; answers: {given}")
    if simulated or others:
        print(f"Not counted: simulated raters: {simulated}; participants of other studies: {others}")


def _add_package(parser: argparse.ArgumentParser) -> None:
    _add_study(parser)
    parser.add_argument("--out", type=Path, required=True, help="the zip to write")


def _package(arguments: argparse.Namespace) -> None:
    from selfrefine.study import package

    package.write(arguments.out, arguments.study)
    print(f"{arguments.out}: unpack it on any host of web pages, or import it into JATOS")


def _add_import(parser: argparse.ArgumentParser) -> None:
    _add_both(parser)
    parser.add_argument("files", nargs="+", type=Path, help="that participants downloaded, or JATOS's results as text")


def _import(arguments: argparse.Namespace) -> None:
    from selfrefine.study import importing, records

    folder = _outside(arguments.answers, arguments.study)
    people, new = importing.take(folder, arguments.files, records.rules(arguments.study))
    print(f"Participants in these files: {people}; records that are new in {folder}: {new}")


def _add_simulate(parser: argparse.ArgumentParser) -> None:
    _add_both(parser)
    parser.add_argument("--raters", type=whole_number(1, 1000), default=15, help="how many; default: 15")
    parser.add_argument("--seed", type=whole_number(0), default=0, help="another number, other raters; default: 0")


def _simulate(arguments: argparse.Namespace) -> None:
    from selfrefine.study import records, simulated_raters

    folder = _outside(arguments.answers, arguments.study)
    simulated_raters.write(folder, records.rules(arguments.study), arguments.raters, arguments.seed)
    print(f"{folder}: {arguments.raters} simulated raters, to try things out; no table and no export takes them")


def _add_withdraw(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("who", help="the code of the end, or the number at the foot of the page")
    parser.add_argument("--answers", type=Path, required=True, help="folder of the answers")


def _withdraw(arguments: argparse.Namespace) -> None:
    from selfrefine.study import answers

    print(f"{answers.withdraw(arguments.answers, arguments.who)}: deleted; run again what was computed from it")


def _add_export(parser: argparse.ArgumentParser) -> None:
    _add_both(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder to make; it must not be there yet")


def _export(arguments: argparse.Namespace) -> None:
    from selfrefine.study import psych_ds

    people = psych_ds.export(arguments.out, arguments.study, arguments.answers)
    print(f"{arguments.out}: a Psych-DS folder; participants: {people}; read their comments before you publish it")


def _outside(answers: Path, study: Path) -> Path:
    """The folder of the answers, if no job deletes it.

    Raises:
        InputError: it is inside the study's.
    """
    if answers.resolve().is_relative_to(study.resolve()):
        raise InputError(f"--answers {answers}: is inside {study}, which is replaced when the study is made again")
    return answers


ACTIONS = {
    "serve": Action("Opens the study in a browser and keeps the answers, until Ctrl-C", _add_serve, _serve),
    "status": Action("Counts participants and their answers", _add_both, _status),
    "package": Action("Makes the zip that any host of web pages takes, and JATOS", _add_package, _package),
    "import": Action("Takes answers that were downloaded, or that JATOS exported", _add_import, _import),
    "simulate": Action("Writes answers of raters who pick at random, to try things out", _add_simulate, _simulate),
    "withdraw": Action("Deletes the answers of a participant who asks for it", _add_withdraw, _withdraw),
    "export": Action("Writes the answers as a Psych-DS folder", _add_export, _export),
    "power": Action(study_power.SUMMARY, study_power.add_arguments, study_power.run),
}
