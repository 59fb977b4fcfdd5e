import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from selfrefine import files, plotting

CAPTION = "Experiment smoke: Garments at 16 px, DDPM, 60 base steps and 20 of refinement, seed 7."


def images(count, size=16, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def maps(count, size=16):
    return np.random.default_rng(1).random((count, size, size), dtype=np.float32)


def table(steps, values):
    return pd.DataFrame({"step": list(steps), "loss": list(values)})


def refreshes(steps, values):
    return pd.DataFrame({"step": list(steps), "mean": values.mean(axis=(1, 2)), "std": values.std(axis=(1, 2))})


def strip(ax):
    return np.asarray(ax.images[0].get_array())


def column_labels(ax):
    return [label.get_text() for label in ax.get_xticklabels()]


@pytest.fixture
def figures():
    steps = range(60, 80, 5)
    refined = {"Baseline": table(steps, [1.0] * 4), "Forward": table(steps, [1.5] * 4)}
    return [
        plotting.samples_figure({"Baseline": images(3), "Forward": images(3)}, CAPTION),
        plotting.flaw_maps_figure(images(3), maps(3, 32), CAPTION),
        plotting.refreshes_figure({"Forward": maps(4)}, {"Forward": refreshes(steps, maps(4))}, CAPTION),
        plotting.refreshes_figure({"Baseline": maps(0)}, {"Baseline": refreshes([], maps(0))}, CAPTION),
        plotting.loss_figure(table(range(0, 60, 5), [2.0] * 12), refined, CAPTION),
    ]


def test_every_figure_says_scale_and_seed(figures):
    for figure in figures:
        assert CAPTION in " ".join(figure.get_supxlabel().split())


def test_equal_figures_are_equal_bytes_whatever_the_users_settings(tmp_path):
    with plotting.style():
        files.write_figure(tmp_path / "plain.png", plotting.samples_figure({"Baseline": images(3)}, CAPTION))
    with mpl.rc_context({"font.size": 20, "figure.dpi": 50, "savefig.dpi": 30}), plotting.style():
        files.write_figure(tmp_path / "own.png", plotting.samples_figure({"Baseline": images(3)}, CAPTION))
    assert (tmp_path / "plain.png").read_bytes() == (tmp_path / "own.png").read_bytes()


def test_samples_stand_in_columns_by_number_and_rows_by_variant():
    samples = {"Baseline": images(3), "Forward": images(3, seed=1)}
    figure = plotting.samples_figure(samples, CAPTION)
    assert [ax.get_ylabel() for ax in figure.axes] == ["Baseline", "Forward"]
    assert column_labels(figure.axes[0]) == ["0", "1", "2"]
    for ax, shown in zip(figure.axes, samples.values(), strict=True):
        pixels = strip(ax)
        assert pixels.shape == (16, 3 * 16 + 2, 3)
        for number, image in enumerate(shown):
            assert np.array_equal(pixels[:, 17 * number : 17 * number + 16], image / 255.0)
        assert (pixels[:, 16] == 1.0).all()


def test_an_overlay_is_six_parts_image_and_four_parts_jet():
    shown, heat = images(2), maps(2, 32)
    figure = plotting.flaw_maps_figure(shown, heat, CAPTION)
    rows = {ax.get_ylabel(): strip(ax)[:, :32] for ax in figure.axes if ax.images}
    assert np.array_equal(rows["Image"], np.kron(shown[0], np.ones((2, 2, 1))) / 255.0)
    assert np.allclose(rows["Flaw map"], mpl.colormaps["jet"](heat[0])[..., :3])
    assert np.allclose(rows["Overlay"], 0.6 * rows["Image"] + 0.4 * rows["Flaw map"])


def test_many_refreshes_are_thinned_from_the_first_to_the_last():
    values, unused = maps(30), maps(0)
    figure = plotting.refreshes_figure(
        {"Baseline": unused, "Forward": values},
        {"Baseline": refreshes([], unused), "Forward": refreshes(range(600, 750, 5), values)},
        CAPTION,
    )
    rows = [ax for ax in figure.axes if ax.images]
    assert [ax.get_ylabel() for ax in rows] == ["Forward"]
    assert column_labels(rows[0]) == ["step 600", "620", "640", "660", "685", "705", "725", "745"]
    last = mpl.colormaps["magma"](values[29] / values.max())[..., :3]
    assert np.allclose(strip(rows[0])[:, -16:], last)
    curves = next(ax for ax in figure.axes if ax.get_legend()).lines
    assert np.allclose(curves[0].get_ydata(), values.mean(axis=(1, 2)))
    assert np.allclose(curves[1].get_ydata(), values.std(axis=(1, 2)))


def test_few_refreshes_are_all_shown():
    figure = plotting.refreshes_figure({"Both": maps(2)}, {"Both": refreshes([600, 625], maps(2))}, CAPTION)
    assert column_labels(figure.axes[0]) == ["step 600", "625"]


class TestLoss:
    @pytest.fixture
    def axes(self):
        base = table(range(10, 610, 10), np.linspace(1.0, 0.1, 60))
        refined = {
            "Baseline": table(range(610, 760, 10), np.full(15, 0.1)),
            "Forward": table(range(610, 760, 10), np.full(15, 0.1) + np.arange(15) % 3),
        }
        return plotting.loss_figure(base, refined, CAPTION).axes

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
        raw, smooth = (line for line in axes[0].lines if line.get_color() == plotting.COLOURS[0])
        assert raw.get_xdata()[0] == smooth.get_xdata()[0] == 610
        assert smooth.get_ydata()[0] > 0.1  # of base rows too

    def test_differences_are_to_the_first_variant(self, axes):
        assert axes[1].get_title() == "Loss minus that of Baseline"
        raw = axes[1].lines[0]
        assert raw.get_color() == plotting.COLOURS[1]
        assert np.allclose(raw.get_ydata(), np.arange(15) % 3)
