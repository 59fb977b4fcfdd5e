"""A syntax tree without its texts: what only people read decides no number and is no reason to run a job again.

Texts are docstrings and the words in the arguments of a raised exception, `print`, `sys.exit`, `Progress` and `assert`
and in the `help` of an option. Everything else in these arguments counts: the exception's class, and a value that is
computed to be shown, since computing it may do more. So does a text that is built before, in a variable or a function.
"""

import ast
from collections.abc import Iterator

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
SHOWN = (ast.Name, ast.Attribute, ast.Constant, ast.expr_context)  # a value made of these alone is not computed
SPEAKERS = ("print", "sys.exit", "InputError", "Progress", "progress.Progress")
TO_A_FILE = "file"  # `print` with this keyword may write an output: its words count
OPTION, HELP = ".add_argument", "help"


def remove_texts(tree: ast.AST) -> None:
    """Removes the texts from a tree, in place."""
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and _is_class(node.exc.func):
            node.exc.args = _counted(node.exc.args)
        elif isinstance(node, ast.Assert) and node.msg is not None:
            left = _counted([node.msg])
            node.msg = ast.Tuple(left, ast.Load()) if left else None
        elif isinstance(node, ast.Call):
            _remove_from_call(node)


def _remove_from_call(call: ast.Call) -> None:
    """Removes the words of a call that speaks to people, or of the help of an option."""
    name, words = _name(call.func), [keyword.arg for keyword in call.keywords]
    if name in SPEAKERS and TO_A_FILE not in words:
        call.args = _counted(call.args)
        call.keywords = [keyword for keyword in call.keywords if _counted([keyword.value])]
    elif name.endswith(OPTION):
        call.keywords = [keyword for keyword in call.keywords if keyword.arg != HELP or _counted([keyword.value])]


def _name(function: ast.expr) -> str:
    """ "print", "sys.exit"; of a method of something else ".method"."""
    if isinstance(function, ast.Attribute):
        return f"{getattr(function.value, 'id', '')}.{function.attr}"
    return str(getattr(function, "id", ""))


def _is_class(function: ast.expr) -> bool:
    """Whether a name is that of a class rather than of a function that makes an exception."""
    return _name(function).rpartition(".")[2][:1].isupper()


def _counted(arguments: list[ast.expr]) -> list[ast.expr]:
    """What counts of the arguments that people read."""
    return [part for argument in arguments for part in _parts(argument)]


def _parts(node: ast.expr) -> Iterator[ast.expr]:
    """What is no text of an argument: nothing of a string, of an f-string each value that is computed in it."""
    if isinstance(node, ast.JoinedStr):
        for value in node.values:
            yield from _parts(value)
    elif isinstance(node, ast.FormattedValue):
        if not all(isinstance(part, SHOWN) for part in ast.walk(node.value)):
            yield ast.JoinedStr([ast.FormattedValue(node.value, -1)])
        if node.format_spec is not None:
            yield from _parts(node.format_spec)
    elif not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        yield node
