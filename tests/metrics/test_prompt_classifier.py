"""The classifier learns what can be learned and nothing else, is the same each time, and says what does not fit."""

import numpy as np
import pytest
import torch

from selfrefine.core import arrays
from selfrefine.core.errors import InputError
from selfrefine.metrics import prompt_classifier
from selfrefine.training import classifier
from selfrefine.training.classifier import ClassifierTrainer, Settings
from tests.support.tiny_garments import LABELS, SETTINGS, garments


def trained(images, labels, folder, settings=SETTINGS):
    folder.mkdir(exist_ok=True)
    model = classifier.initial_classifier(labels, images.shape[1], settings.draw)
    ClassifierTrainer(model, images, labels, settings, torch.float32).run(folder, "test")
    return model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return trained(*garments(200), tmp_path_factory.mktemp("scratch"))


def test_it_knows_images_that_it_has_not_seen(model):
    images, labels = garments(100, seed=1)
    predicted = prompt_classifier.predict(model, images, batch_size=32)
    assert set(predicted) <= set(LABELS)
    assert np.mean(predicted == labels) > 0.95


def test_permuted_labels_teach_nothing(tmp_path):
    images, labels = garments(200)
    permuted = np.random.default_rng(0).permutation(labels)
    test, truth = garments(100, seed=1)
    predicted = prompt_classifier.predict(trained(images, permuted, tmp_path), test, batch_size=32)
    assert np.mean(predicted == truth) < 0.7


def test_batches_do_not_change_what_it_says(model):
    images, _ = garments(21, seed=2)
    whole = prompt_classifier.predict(model, images, batch_size=21)
    assert np.array_equal(prompt_classifier.predict(model, images, batch_size=4), whole)


def test_it_is_written_and_read(model, tmp_path):
    model.save(tmp_path / "classifier.safetensors")
    read = prompt_classifier.load(tmp_path / "classifier.safetensors", torch.device("cpu"))
    images, _ = garments(40, seed=3)
    assert np.array_equal(prompt_classifier.predict(read, images, 40), prompt_classifier.predict(model, images, 40))
    assert not read.training


@pytest.mark.parametrize(("size", "last"), [(8, 4), (16, 4), (28, 7), (32, 4), (64, 4), (7, 3)])
def test_any_size_ends_in_a_small_map(size, last):
    model = prompt_classifier.Classifier(LABELS, size)
    assert model(torch.zeros(2, 3, size, size)).shape == (2, 3)
    assert model.features(torch.zeros(1, 3, size, size)).shape[-1] == last


def test_another_draw_is_another_classifier():
    _, labels = garments(10)
    first, again, other = (
        classifier.initial_classifier(labels, 8, draw).state_dict()["head.weight"] for draw in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_rate_falls_to_zero():
    rates = [SETTINGS.rate(step) for step in range(31)]
    assert rates == sorted(rates, reverse=True)
    assert (rates[0], rates[15]) == (0.01, pytest.approx(0.005))
    assert rates[30] == pytest.approx(0.0, abs=1e-12)


def test_one_class_is_refused():
    with pytest.raises(InputError, match=r"have 1 class; 2 needed.*evaluate_prompts\.clip_folder"):
        classifier.initial_classifier(np.zeros(5, np.int64), 8, 0)


def test_a_loss_that_is_not_finite_is_one_line(tmp_path):
    settings = Settings(30, 16, 1e30, 0.01, checkpoint_every=10, draw=0)
    with pytest.raises(InputError, match=r"loss is (nan|inf) at step \d+; lower train_classifier.learning_rate"):
        trained(*garments(50), tmp_path, settings)


def test_images_of_another_size_are_refused(model):
    with pytest.raises(InputError, match="images of 16 x 16 px given, 8 px needed"):
        prompt_classifier.predict(model, garments(2, size=16)[0], 2)


def test_another_file_is_refused(model, tmp_path):
    arrays.write_tensors(tmp_path / "other", {"weight": torch.zeros(1)})
    with pytest.raises(InputError, match=r"other: not a classifier of ours \(no labels\)"):
        prompt_classifier.load(tmp_path / "other", torch.device("cpu"))
    arrays.write_tensors(tmp_path / "cut", {"weight": torch.zeros(1)}, {"labels": [1, 2], "size": 8})
    with pytest.raises(InputError, match="cut: weights do not fit"):
        prompt_classifier.load(tmp_path / "cut", torch.device("cpu"))
