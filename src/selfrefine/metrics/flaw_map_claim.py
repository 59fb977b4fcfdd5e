"""Whether "the flaw map helps" may be said: only if its arm beats each control in a direct contrast (method 11.3)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from selfrefine.metrics.contrasts import CONTROLS, EXPLORATORY, Contrast
from selfrefine.metrics.intervals import BETTER


@dataclass(frozen=True)
class Finding:
    """Whether "the flaw map helps" may be said, and why or why not, in words."""

    helps: bool
    reason: str


def flaw_map_helps(contrasts: Iterable[Contrast], arm: str, controls: Mapping[str, str]) -> Finding:
    """Whether the flaw map, and not just any map, helps: its arm is better than every control in a direct contrast.

    An arm that beats the baseline where a control does not is no evidence: that difference of verdicts may be chance
    (method 11.3). No correction for three contrasts is needed, since all of them must hold.

    Args:
        contrasts: of one space, from `judge`.
        arm: the variant with the flaw map.
        controls: each of CONTROLS -> its row, with the processes and weights of the arm; a missing one is not measured.
    """
    verdicts = {contrast.reference: contrast for contrast in contrasts if contrast.variant == arm}
    rows = {name: controls.get(name, "") for name in CONTROLS}
    found = {name: verdicts[row].verdict if row in verdicts else "not measured" for name, row in rows.items()}
    failed = [f"{verdict} against {name}" for name, verdict in found.items() if verdict != BETTER]
    if failed:
        return Finding(False, f"not shown: {', '.join(failed)}")
    explored = [name for name, row in rows.items() if verdicts[row].kind == EXPLORATORY]
    note = f"; exploratory: {', '.join(explored)} not listed before the run" if explored else ""
    return Finding(True, f"better than {', '.join(CONTROLS)} in direct contrasts{note}")
