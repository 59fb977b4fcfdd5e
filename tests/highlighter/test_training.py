import dataclasses

import pytest
import torch
from torch.optim.lr_scheduler import OneCycleLR

from selfrefine.core.errors import InputError
from selfrefine.highlighter import model
from selfrefine.highlighter.data import RealsAndFakes
from selfrefine.highlighter.model import FAKE, REAL
from selfrefine.highlighter.training import Best, HighlighterTrainer, Settings, initial_highlighter
from tests.support import tiny_highlighter

SETTINGS = Settings(steps=6, batch_size=4, learning_rate=3e-4, weight_decay=0.01, validate_every=6)


@pytest.fixture(scope="module")
def data():
    reals, fakes = (tiny_highlighter.images(30, 16, striped=striped) for striped in (False, True))
    return RealsAndFakes(reals, fakes, seed=0)


def trainer(data, settings=SETTINGS):
    return HighlighterTrainer(tiny_highlighter.highlighter(), data, settings, torch.float32)


@pytest.mark.parametrize("steps", [11, 25, 80])
def test_the_rate_is_torchs_one_cycle(steps):
    optimiser = torch.optim.AdamW([torch.zeros(1, requires_grad=True)], lr=3e-4)
    schedule = OneCycleLR(
        optimiser, 3e-4, total_steps=steps, pct_start=0.1, div_factor=25, final_div_factor=1e4, cycle_momentum=False
    )
    ours = Settings(steps, 1, 3e-4, 0.0, 1)
    for step in range(steps):
        assert ours.rate(step) == pytest.approx(schedule.get_last_lr()[0], rel=1e-9)
        optimiser.step()
        if step + 1 < steps:
            schedule.step()


@pytest.mark.parametrize("steps", [1, 4, 10])
def test_a_handful_of_steps_has_a_rate_too(steps):
    rates = [Settings(steps, 1, 1.0, 0.0, 1).rate(step) for step in range(steps)]
    assert all(0.0 < rate <= 1.0 for rate in rates)


def test_two_kinds_of_images_are_soon_told_apart(data, tmp_path):
    """Real is 1: P(real) is high for reals and low for fakes."""
    trained = trainer(data)
    trained.run(tmp_path, "test")
    assert trained.best.accuracy == 1.0
    test = data.part("test")
    logits = model.classify(trained.model, test.images, test.streams, torch.float32)
    assert torch.equal(logits.argmax(dim=1), test.labels)
    p_real = logits.softmax(dim=1)[:, REAL]
    assert p_real[test.labels == REAL].mean() - p_real[test.labels == FAKE].mean() > 0.5
    assert p_real[test.labels == REAL].min() > p_real[test.labels != REAL].max()


def test_from_permuted_labels_nothing_is_learned_of_the_truth(data, tmp_path):
    """Of the same images; on how many it is right by a hair is chance, so the gap of P(real) is what counts."""
    shuffled = RealsAndFakes(data.real, data.fake, seed=0, shuffle_labels=True)
    trained = trainer(shuffled)
    trained.run(tmp_path, "test")
    test = shuffled.part("test")
    p_real = model.classify(trained.model, test.images, test.streams, torch.float32).softmax(dim=1)[:, REAL]
    assert test.labels.tolist() == [REAL] * 3 + [FAKE] * 3
    assert abs(p_real[:3].mean() - p_real[3:].mean()) < 0.1


def test_the_run_ends_with_the_best_state_not_the_last(data, tmp_path):
    trained = trainer(data, dataclasses.replace(SETTINGS, steps=1, batch_size=1))
    best = {name: torch.full_like(value, 0.5) for name, value in trained.model.state_dict().items()}
    trained.best = Best(best, accuracy=1.0, loss=-1.0)  # no state can beat it
    trained.run(tmp_path, "test")
    assert all(torch.equal(value, best[name]) for name, value in trained.model.state_dict().items())


@pytest.mark.parametrize(
    ("accuracy", "loss", "wins"), [(0.9, 9.0, True), (0.8, 0.4, True), (0.8, 0.5, False), (0.7, 0.1, False)]
)
def test_more_accurate_wins_then_lower_loss_then_earlier(accuracy, loss, wins):
    assert Best({}, accuracy=0.8, loss=0.5).beaten_by(accuracy, loss) is wins


def test_a_loss_that_is_no_number_stops_in_one_line(data, tmp_path):
    trained = trainer(data, dataclasses.replace(SETTINGS, learning_rate=1e20))
    with pytest.raises(
        InputError, match=r"loss is (nan|inf) at step \d; lower train_highlighter.learning_rate"
    ) as caught:
        trained.run(tmp_path, "test")
    assert "\n" not in str(caught.value)


def test_the_first_head_depends_on_the_seed_alone(tmp_path):
    weights = tiny_highlighter.write_weights(tmp_path / "weights")
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first, other = (initial_highlighter(32, True, weights, seed) for seed in (0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    again = initial_highlighter(32, True, weights, 0)
    assert torch.equal(first.head[1].weight, again.head[1].weight)
    assert not torch.equal(first.head[1].weight, other.head[1].weight)
    second = initial_highlighter(32, True, weights, 0, draw=1)
    assert not torch.equal(first.head[1].weight, second.head[1].weight)
    assert (first.draw, second.draw) == (0, 1)
