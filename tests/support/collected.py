"""All tests that a session has found, before any is left out by `-m` or `-k`."""

import pytest

COLLECTED = pytest.StashKey[list[pytest.Item]]()
