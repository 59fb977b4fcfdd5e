"""A changed expression changes the digest of what depends on it; a comment or a text for people changes nothing."""

import json
import os
import subprocess
import sys

import pytest

from selfrefine.core.errors import InputError
from selfrefine.params import code_digest

FILES = {
    "__init__.py": '"""The package."""\n',
    "errors.py": "class InputError(Exception):\n    '''Bad input.'''\n",
    "files.py": "from selfrefine.errors import InputError\nLIMIT = 3\n",
    "late.py": "VALUE = 1\n",
    "unused.py": "VALUE = 1\n",
    "metrics/__init__.py": "from .distance import distance\n",
    "metrics/distance.py": "from .. import files\n\n\ndef distance(x):\n    '''Far.'''\n    return x - files.LIMIT\n",
    "networks/__init__.py": "import importlib\n\nfrom selfrefine.networks import common\n",
    "networks/common.py": "WIDTH = 1\n",
    "networks/ddpm.py": "DEPTH = 1\n",
    "networks/uvit.py": "from selfrefine import late\n",
    "stages/plain.py": "from selfrefine import files\n\n\ndef run():\n    '''Runs.'''\n    import selfrefine.late\n",
    "stages/measure.py": "from selfrefine.metrics import distance as d\n",
    "stages/train.py": "from selfrefine import networks\n",
}


@pytest.fixture
def write(tmp_path):
    """Writes a package with some files changed, in a folder of its own: what was read of a folder is remembered."""

    def write(changed=None):
        source = tmp_path / str(len(list(tmp_path.iterdir())))
        for name, text in (FILES | (changed or {})).items():
            path = source / "selfrefine" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return source

    return write


def within(statement):
    """The stage `plain` with a statement in its function."""
    return {"stages/plain.py": f"{FILES['stages/plain.py']}    {statement}\n"}


def covered(stage, source, family=None):
    return {name.removeprefix("selfrefine.") for name in code_digest.closure(stage, family, source)}


def test_the_closure_follows_imports_of_every_form(write):
    source = write()
    assert covered("plain", source) == {"selfrefine", "stages.plain", "files", "errors", "late"}
    assert covered("measure", source) == {
        "selfrefine",
        "stages.measure",
        "metrics",
        "metrics.distance",
        "files",
        "errors",
    }


def test_a_family_counts_for_its_jobs_only(write):
    source = write()
    common = {"selfrefine", "stages.train", "networks", "networks.common"}
    assert covered("train", source, "ddpm") == common | {"networks.ddpm"}
    assert covered("train", source, "uvit") == common | {"networks.uvit", "late"}
    assert covered("train", source) == common | {"networks.ddpm", "networks.uvit", "late"}
    changed = write({"networks/ddpm.py": "DEPTH = 2\n"})
    assert code_digest.digest("train", "uvit", changed) == code_digest.digest("train", "uvit", source)
    assert code_digest.digest("train", "ddpm", changed) != code_digest.digest("train", "ddpm", source)
    assert code_digest.digest("plain", "ddpm", changed) == code_digest.digest("plain", "uvit", source)


@pytest.mark.parametrize(
    "changed",
    [
        {"files.py": "# A comment.\nfrom selfrefine.errors import InputError\n\n\nLIMIT = (3)  # three\n"},
        {"errors.py": "class InputError(Exception):\n    '''Another docstring.'''\n"},
        {"errors.py": "class InputError(Exception):\n    pass\n"},
        {"unused.py": "VALUE = 2\n"},
        {"stages/measure.py": "VALUE = 2\n"},
        {"stages/plain.py": FILES["stages/plain.py"].replace("'''Runs.'''", "'''Runs,\n    slowly.'''")},
    ],
)
def test_comments_docstrings_format_and_other_code_do_not_count(changed, write):
    assert code_digest.digest("plain", source=write(changed)) == code_digest.digest("plain", source=write())


@pytest.mark.parametrize(
    "changed",
    [
        {"files.py": "from selfrefine.errors import InputError\nLIMIT = 4\n"},
        {"errors.py": "class InputError(ValueError):\n    '''Bad input.'''\n"},
        {"late.py": "VALUE = 2\n"},
        {"stages/plain.py": FILES["stages/plain.py"].replace("'''Runs.'''", "VALUE = '''Runs.'''")},
        {"__init__.py": "import os\n"},
    ],
)
def test_an_expression_counts(changed, write):
    assert code_digest.digest("plain", source=write(changed)) != code_digest.digest("plain", source=write())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("raise InputError('bad')", "raise InputError('wrong')"),
        ("raise InputError('bad')", "raise InputError(f'{x} is wrong, {self.y!r:>8}' ' or so') "),
        ("raise errors.InputError(f'{x} is bad') from error", "raise errors.InputError('bad') from error"),
        ("return InputError('bad')", "return InputError('wrong')"),
        ("raise ValueError(f'{x:{width}}')", "raise ValueError(f'{y}')"),
        ("print('one', 2, flush=True)", "print(f'{uno}', 2, flush=True)"),
        ("print(f'one {f(x)}')", "print(f'{f(x):.4g} of one')"),
        ("sys.exit('bad')", "sys.exit(f'{name}: {error}')"),
        ("Progress('one', n, unit='step')", "Progress('two', n, unit='file')"),
        ("assert x, 'no x'", "assert x, f'{x} needed'"),
        ("assert x, 'no x'", "assert x"),
        ("parser.add_argument('--x', help='one')", "parser.add_argument('--x', help=f'{two}')"),
    ],
)
def test_texts_do_not_count(before, after, write):
    one, other = (code_digest.digest("plain", source=write(within(text))) for text in (before, after))
    assert one == other


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("raise InputError('bad')", "raise ValueError('bad')"),  # what is raised decides who catches it
        ("raise InputError('bad')", "InputError('bad')"),
        ("raise InputError('bad')", "raise InputError('bad') from None"),
        ("raise InputError('bad')", "pass"),
        ("raise Found('a', 1)", "raise Found('a', 2)"),
        ("raise Found(x)", "raise Found(y)"),
        ("raise Found(text=x)", "raise Found(text=y)"),
        ("raise misfit('one')", "raise misfit('two')"),  # a function may do more with a word than show it
        ("raise InputError(f'{draw(1)}')", "raise InputError(f'{draw(2)}')"),
        ("raise InputError(f'{draw(1)}')", "raise InputError('')"),
        ("print(f'{(n := 1)}')", "print(f'{(n := 2)}')"),
        ("print(f'{counts[1]}')", "print(f'{counts[2]}')"),  # a defaultdict has one key more then
        ("print(*draws)", "print()"),
        ("print('one' if draw() else 'two')", "print('one')"),
        ("print(f'{x:{draw()}}')", "print(f'{x}')"),
        ("print('a', file=stream)", "print('b', file=stream)"),  # it may be an output
        ("sys.exit(1)", "sys.exit(2)"),
        ("Progress('one', n, start=first)", "Progress('one', n)"),
        ("assert x, 'no x'", "assert y, 'no x'"),
        ("assert x, draw()", "assert x"),
        ("parser.add_argument('--x', default='one')", "parser.add_argument('--x', default='two')"),
        ("parser.add_argument('--x', help=draw())", "parser.add_argument('--x')"),
        ("line = 'bad'; raise InputError(line)", "line = 'wrong'; raise InputError(line)"),
        ("return 'one'", "return 'two'"),
        ("if x == 'one': print('x')", "if x == 'two': print('x')"),
        ("write('bad')", "write('wrong')"),
        ("print('x').write('one')", "print('x').write('two')"),
    ],
)
def test_what_may_do_more_than_be_read_counts(before, after, write):
    one, other = (code_digest.digest("plain", source=write(within(text))) for text in (before, after))
    assert one != other


def test_the_digest_of_a_module_changes_with_that_module_alone(write):
    before = code_digest.modules("measure", None, write())
    after = code_digest.modules("measure", None, write({"files.py": "LIMIT = 4\nfrom selfrefine import errors\n"}))
    assert set(before) == {
        *("__init__.py", "files.py", "errors.py"),
        *("metrics/__init__.py", "metrics/distance.py", "stages/measure.py"),
    }
    assert {name for name in before if before[name] != after[name]} == {"files.py"}


def test_modules_are_found_by_the_digest_of_a_stage_whatever_the_family(write):
    source = write()
    for family in (None, "ddpm", "uvit"):
        code = code_digest.digest("train", family, source)
        assert code_digest.modules_behind("train", code, source) == code_digest.modules("train", family, source)
    assert code_digest.modules_behind("train", "0123456789abcdef", source) == {}


def test_equal_code_under_another_name_is_another_digest(write):
    source = write({"stages/a.py": "import selfrefine.late\n", "stages/b.py": "import selfrefine.late\n"})
    assert code_digest.digest("a", source=source) != code_digest.digest("b", source=source)


def test_a_missing_stage_or_family_is_told(write):
    with pytest.raises(InputError, match=r"selfrefine/stages/nope\.py: no such module; stage nope needs it"):
        code_digest.digest("nope", source=write())
    with pytest.raises(InputError, match=r"selfrefine/networks/nope\.py: no such module; stage train needs it"):
        code_digest.digest("train", "nope", write())


@pytest.mark.parametrize("stage", ["train_refined", "make_tables"])
def test_the_closure_holds_all_that_the_stages_process_imports(stage):
    """The interpreter is the oracle: whatever form an import has."""
    told = f"import sys, selfrefine.stages.{stage}; print(*sys.modules)"
    loaded = set(subprocess.check_output([sys.executable, "-c", told], text=True).split())
    modules = {name for name in loaded if name.startswith("selfrefine.")}
    assert f"selfrefine.stages.{stage}" in modules
    assert modules <= code_digest.closure(stage, "ddpm").keys() | {"selfrefine.stages"}


@pytest.fixture
def one(tmp_path):
    """A module, and what is kept of it."""
    file = tmp_path / "one.py"
    file.write_text("import math\n\nLIMIT = 3\n")
    return file, tmp_path / "__pycache__" / "one.digest.json"


def read_anew(file):
    """What a process that has not read the file yet says of it."""
    return code_digest._tree.__wrapped__(file)


def test_what_was_read_of_a_module_is_kept_for_the_next_process(one):
    file, kept = one
    first = read_anew(file)
    known = json.loads(kept.read_text())
    assert (known["digest"], tuple(known["imports"])) == first
    kept.write_text(json.dumps(known | {"imports": ["kept"]}))
    assert read_anew(file) == (first[0], ("kept",))


@pytest.mark.parametrize("times", ["as they are", "equal"])
def test_an_edited_module_is_read_again_whatever_its_times_say(one, times):
    file, _ = one
    before, stat = read_anew(file), file.stat()
    file.write_text("import math\n\nLIMIT = 4\n")
    if times == "equal":
        os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert read_anew(file)[0] != before[0]


def test_what_another_reader_kept_is_not_used(one, monkeypatch):
    file, kept = one
    first = read_anew(file)
    kept.write_text(kept.read_text().replace(first[0], "0" * 64))
    monkeypatch.setattr(code_digest, "READER", "another")
    assert read_anew(file) == first


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"key": 3}', "\x00", "a folder", "no folder"])
def test_a_spoilt_record_of_a_module_is_made_again(one, content):
    file, kept = one
    first = read_anew(file)
    kept.unlink()
    if content == "a folder":
        kept.mkdir()
    elif content == "no folder":
        kept.parent.rmdir()
        kept.parent.write_text("in the way")
    else:
        kept.write_text(content)
    assert read_anew(file) == first
