"""Maps over the refreshes, and loss curves."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from selfrefine.report.figures import refinement_curves, style
from tests.support.tiny_figures import CAPTION, caption_of, column_labels, legend_words, maps, strip


def refreshes(steps, values):
    moments = {"mean": values.mean(axis=(1, 2)), "std": values.std(axis=(1, 2))}
    return pd.DataFrame({"step": list(steps)} | moments).assign(kept=1)


def loss(steps, values):
    return pd.DataFrame({"step": list(steps), "loss": list(values)})


def drawn(values, steps=range(600, 750, 25), controls=()):
    """The figure of maps, all at the same steps."""
    tables = {title: refreshes(list(steps)[: len(array)], array) for title, array in values.items()}
    return refinement_curves.refreshes_figure(values, tables, CAPTION, controls)


def map_rows(figure):
    return [ax for ax in figure.axes if ax.get_ylabel() and ax.images]


def curves(figure, column):
    (ax,) = (ax for ax in figure.axes if ax.get_ylabel() == f"{column} of M")
    return {line.get_label(): line for line in ax.lines}


class TestRefreshes:
    def test_many_are_thinned_from_the_first_to_the_last(self):
        values = maps(30)
        figure = drawn({"Baseline": maps(0), "Forward": values}, range(600, 750, 5))
        (row,) = map_rows(figure)
        assert row.get_ylabel() == "Forward"
        assert column_labels(row) == ["step 600", "620", "640", "660", "685", "705", "725", "745"]
        assert np.allclose(strip(row)[:, -16:], mpl.colormaps["magma"](values[29] / values.max())[..., :3])

    def test_the_steps_are_those_of_the_maps_that_are_kept(self):
        values, table = maps(3), refreshes(range(600, 850, 50), maps(5))
        table["kept"] = [1, 0, 1, 0, 1]
        figure = refinement_curves.refreshes_figure({"Forward": values}, {"Forward": table}, CAPTION)
        assert column_labels(map_rows(figure)[0]) == ["step 600", "700", "800"]
        assert len(curves(figure, "mean")["Forward"].get_ydata()) == 5

    def test_few_are_all_shown(self):
        assert column_labels(map_rows(drawn({"Both": maps(2)}))[0]) == ["step 600", "625"]

    def test_curves_are_mean_and_std_in_the_colour_of_the_label(self):
        values = {"Baseline": maps(0), "Forward": maps(4), "Both": maps(4, seed=2)}
        figure = drawn(values)
        assert list(curves(figure, "mean")) == ["Forward", "Both"]
        for number, (row, title) in enumerate(zip(map_rows(figure), ("Forward", "Both"), strict=True), 1):
            assert np.allclose(curves(figure, "mean")[title].get_ydata(), values[title].mean(axis=(1, 2)))
            assert np.allclose(curves(figure, "std")[title].get_ydata(), values[title].std(axis=(1, 2)))
            assert row.yaxis.label.get_color() == curves(figure, "std")[title].get_color() == style.COLOURS[number]

    def test_ten_variants_of_one_mean_all_show(self):
        """The controls have the mean of the flaw map by design: each curve is narrower than the one under it."""
        values = {f"Variant {number}": maps(6) for number in range(10)}
        figure = drawn(values, controls=[f"Variant {number}" for number in range(4, 10)])
        widths = [line.get_linewidth() for line in curves(figure, "mean").values()]
        assert (np.diff(widths) < -0.2).all()
        assert "Dashed: controls." in caption_of(figure)
        assert len({line.get_color() for line in curves(figure, "mean").values()}) == 10

    def test_steps_stand_above_the_rows_that_change_them(self):
        values = {"Forward": maps(3), "Reverse": maps(3), "Extra": maps(4)}
        assert [column_labels(row)[-1:] for row in map_rows(drawn(values))] == [["650"], [], ["675"]]

    def test_a_map_below_zero_is_on_the_scale(self):
        """The centred maps: all below the lowest end would look alike."""
        values = maps(2) - 0.5
        (row,) = map_rows(drawn({"Centred": values}))
        spread = values.max() - values.min()
        assert np.allclose(
            strip(row)[:, :16], mpl.colormaps["magma"]((values[0] - values.min()) / spread)[..., :3], atol=1e-2
        )

    def test_none_is_said(self):
        assert "No selected variant uses a guidance map" in caption_of(drawn({"Baseline": maps(0)}))


BASE = loss(range(10, 610, 10), np.linspace(1.0, 0.1, 60))
REFINED = {
    "Baseline": loss(range(610, 760, 10), np.full(15, 0.1)),
    "Forward": loss(range(610, 760, 10), np.full(15, 0.1) + np.arange(15) % 3),
}


class TestLoss:
    @pytest.fixture
    def axes(self):
        return refinement_curves.loss_figure(BASE, REFINED, CAPTION).axes

    def test_the_fork_is_marked_in_both_panels(self, axes):
        for ax in axes:
            assert any(list(line.get_xdata()) == [600.0, 600.0] and line.get_linestyle() == "--" for line in ax.lines)

    def test_the_raw_curve_stands_behind_its_running_mean(self, axes):
        raw, smooth = axes[0].lines[:2]
        assert raw.get_alpha() < 0.5
        assert np.array_equal(raw.get_ydata(), np.linspace(1.0, 0.1, 60))
        assert smooth.get_label() == "Base"
        assert np.allclose(smooth.get_ydata()[3:-3], np.convolve(raw.get_ydata(), np.full(6, 1 / 6), "valid")[:54])

    def test_a_variant_starts_at_the_fork_and_its_mean_looks_back(self, axes):
        raw, smooth = (line for line in axes[0].lines if line.get_color() == style.COLOURS[0])
        assert raw.get_xdata()[0] == smooth.get_xdata()[0] == 610
        assert smooth.get_ydata()[0] > 0.1  # of base rows too

    def test_differences_are_to_the_first_variant(self, axes):
        assert axes[1].get_title() == "Loss minus that of Baseline"
        raw = axes[1].lines[0]
        assert raw.get_color() == style.COLOURS[1]
        assert np.allclose(raw.get_ydata(), np.arange(15) % 3)

    def test_ten_variants_are_drawn_smoothed_alone_and_controls_dashed(self):
        refined = {f"Variant {number}": REFINED["Baseline"] for number in range(10)}
        figure = refinement_curves.loss_figure(BASE, refined, CAPTION, controls=["Variant 9"])
        whole, apart = figure.axes
        assert len(whole.lines) == 2 + 10 + 1  # base twice, variants, fork
        found = {line.get_label(): line for line in apart.lines}
        assert found["Variant 9"].is_dashed()
        assert not found["Variant 8"].is_dashed()
        told = caption_of(figure)
        assert "Dashed: controls." in told
        assert told.endswith(CAPTION)
        assert len(legend_words(figure)) == 11

    def test_few_say_what_is_pale(self):
        told = caption_of(refinement_curves.loss_figure(BASE, REFINED, CAPTION))
        assert told.startswith("Pale: as logged; dark: smoothed. A variant changes")

    def test_one_wild_curve_hides_no_other(self):
        wild = {f"Variant {number}": REFINED["Baseline"] + {"step": 0, "loss": 1e-4 * number} for number in range(4)}
        plain = refinement_curves.loss_figure(BASE, wild, CAPTION).axes[1]
        assert plain.get_yscale() == "linear"
        wild["Variant 4"] = REFINED["Baseline"] + {"step": 0, "loss": 0.1}
        ax = refinement_curves.loss_figure(BASE, wild, CAPTION).axes[1]
        assert ax.get_yscale() == "symlog"
        assert ax.get_ylabel() == "logarithmic beyond \N{PLUS-MINUS SIGN}0.001"
        heights = [ax.transData.transform((0.0, level))[1] for level in (0.0, 2e-4, 0.1)]
        assert heights[1] - heights[0] > 0.04 * (heights[2] - heights[0]), "a five-hundredth of it would be unseen"
