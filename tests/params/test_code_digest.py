"""A changed expression changes the digest of what depends on it; a comment changes nothing."""

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
        {"stages/plain.py": FILES["stages/plain.py"].replace("'''Runs.'''", "print('''Runs.''')")},
        {"__init__.py": "import os\n"},
    ],
)
def test_an_expression_counts(changed, write):
    assert code_digest.digest("plain", source=write(changed)) != code_digest.digest("plain", source=write())


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
