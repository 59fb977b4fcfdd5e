"""What holds of every figure that a test of this room draws."""

from collections.abc import Iterator

import pytest
from matplotlib.figure import Figure

from selfrefine.report.figures import style


@pytest.fixture(autouse=True)
def readable_axes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No tick says `$\\mathdefault{0}$`: figures show a dollar as it is (style.STYLE), so axes use no mathematics."""
    drawn: list[Figure] = []
    made = Figure.__init__

    def make(figure: Figure, *args: object, **options: object) -> None:
        made(figure, *args, **options)  # type: ignore[arg-type]
        drawn.append(figure)

    monkeypatch.setattr(Figure, "__init__", make)
    yield
    with style.style():
        for axis in (axis for figure in drawn for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)):
            words = [label.get_text() for label in axis.get_ticklabels()]
            assert not any("$" in word for word in [*words, axis.get_major_formatter().get_offset()]), words
