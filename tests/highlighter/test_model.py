import numpy as np
import pytest
import torch

from selfrefine.core import arrays, files, pixels
from selfrefine.core.errors import InputError
from selfrefine.highlighter import model as highlighter_model
from selfrefine.highlighter.model import IMAGENET_MEAN, IMAGENET_STD, Highlighter
from tests.support import tiny_highlighter


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(("input_size", "head"), [(64, 1_050_114), (128, 4_195_842), (256, 16_778_754)])
def test_parameter_counts_are_those_of_the_authors(input_size, head):
    with torch.device("meta"):
        model = Highlighter(input_size, shortcut_guard=True)
    assert count(model.features) == 14_714_688
    assert count(model.head) == head


@pytest.mark.parametrize("input_size", [0, 16, 50])
def test_an_input_size_that_five_poolings_cannot_halve_is_refused(input_size):
    with pytest.raises(InputError, match=rf"train_highlighter.input_size is {input_size}; a multiple of 32 needed"):
        Highlighter(input_size, shortcut_guard=True)


class TestPrepare:
    def test_a_constant_image_is_standardised_by_imagenet(self):
        model = Highlighter(32, shortcut_guard=False)
        prepared = model.prepare(pixels.to_float(np.full((1, 16, 16, 3), 200, np.uint8)), [])
        expected = (200 / 255 - torch.tensor(IMAGENET_MEAN)) / torch.tensor(IMAGENET_STD)
        assert prepared.shape == (1, 3, 32, 32)
        torch.testing.assert_close(prepared, expected.view(1, 3, 1, 1).expand_as(prepared))

    @pytest.mark.parametrize("shortcut_guard", [True, False])
    def test_a_generated_image_looks_as_it_will_when_it_is_stored(self, shortcut_guard):
        model = Highlighter(32, shortcut_guard)
        generated = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
        stored = pixels.to_float(pixels.to_uint8(generated))
        seen = [model.prepare(shown, tiny_highlighter.streams(4)) for shown in (generated, stored)]
        assert torch.equal(*seen)

    def test_the_guard_hides_how_black_a_background_is(self):
        model = Highlighter(32, shortcut_guard=True)
        dark = [pixels.to_float(np.full((1, 16, 16, 3), level, np.uint8)) for level in (0, 3, 8, 9)]
        zero, three, eight, nine = (model.prepare(shown, tiny_highlighter.streams(1)) for shown in dark)
        assert torch.equal(zero, three)
        assert torch.equal(zero, eight)
        assert not torch.equal(zero, nine)

    def test_the_dither_has_a_standard_deviation_of_two_grey_levels(self):
        model = Highlighter(64, shortcut_guard=True)
        grey = pixels.to_float(np.full((8, 64, 64, 3), 100, np.uint8))  # 64 px already: not smoothed by the resize
        levels = (model.prepare(grey, tiny_highlighter.streams(8)) * model.std + model.mean) * 255
        assert levels.std() == pytest.approx(2.0, rel=0.02)
        assert levels.mean() == pytest.approx(100.0, abs=0.05)

    def test_the_levels_are_what_is_resized(self):
        shown = pixels.to_float(tiny_highlighter.images(2, 32, striped=True))
        guarded, plain = (Highlighter(32, shortcut_guard) for shortcut_guard in (True, False))
        levels = guarded.levels(shown, tiny_highlighter.streams(2))
        prepared = guarded.prepare(shown, tiny_highlighter.streams(2))  # 32 px already
        torch.testing.assert_close(prepared, (levels / 255 - guarded.mean) / guarded.std)
        assert torch.equal(plain.levels(shown, []), pixels.quantise(shown))

    def test_an_image_sees_its_own_stream_alone(self):
        model = Highlighter(32, shortcut_guard=True)
        shown = pixels.to_float(tiny_highlighter.images(3, 16, striped=True))
        together = model.prepare(shown, tiny_highlighter.streams(3))
        alone = model.prepare(shown[2:], tiny_highlighter.streams(1, first=2))
        assert torch.equal(together[2:], alone)

    def test_without_guard_no_stream_is_touched(self):
        streams = tiny_highlighter.streams(1)
        before = streams[0].get_state()
        Highlighter(32, shortcut_guard=False).prepare(torch.zeros(1, 3, 16, 16), streams)
        assert torch.equal(streams[0].get_state(), before)


class TestFiles:
    def test_imagenet_weights_load_by_torchvisions_names(self, tmp_path):
        features = tiny_highlighter.scaled_features()
        tensors = {f"features.{name}": value for name, value in features.items()}
        arrays.write_tensors(tmp_path / "weights", tensors | {"classifier.0.weight": torch.zeros(2, 2)})
        model = Highlighter(32, shortcut_guard=True)
        model.load_imagenet(tmp_path / "weights")
        assert all(torch.equal(value, features[name]) for name, value in model.features.state_dict().items())

    def test_weights_of_another_network_are_refused_in_one_line(self, tmp_path):
        arrays.write_tensors(tmp_path / "weights", {"features.0.weight": torch.zeros(64, 3, 11, 11)})
        with pytest.raises(InputError, match="weights do not fit a VGG16 highlighter") as caught:
            Highlighter(32, shortcut_guard=True).load_imagenet(tmp_path / "weights")
        assert "\n" not in str(caught.value)
        assert str(tmp_path / "weights") in str(caught.value)

    def test_a_saved_highlighter_is_the_same_after_loading(self, tmp_path):
        model = tiny_highlighter.highlighter(32, shortcut_guard=False)
        model.draw = 3
        model.save(tmp_path / "a")
        loaded = highlighter_model.load(tmp_path / "a", torch.device("cpu"))
        shown = tiny_highlighter.images(3, 16, striped=True)
        logits = [highlighter_model.classify(one, shown, [], torch.float32) for one in (model, loaded)]
        assert torch.equal(*logits)
        assert (loaded.input_size, loaded.shortcut_guard, loaded.draw) == (32, False, 3)
        loaded.save(tmp_path / "b")
        assert files.sha256(tmp_path / "a") == files.sha256(tmp_path / "b")

    def test_a_file_that_is_no_highlighter_is_refused(self, tmp_path):
        arrays.write_tensors(tmp_path / "other", {"weight": torch.zeros(2)})
        with pytest.raises(InputError, match="not a highlighter of ours"):
            highlighter_model.load(tmp_path / "other", torch.device("cpu"))

    def test_a_highlighter_of_another_size_is_refused(self, tmp_path):
        with torch.device("meta"):
            tensors = Highlighter(64, shortcut_guard=True).state_dict()
        zeros = {name: torch.zeros(value.shape) for name, value in tensors.items()}
        arrays.write_tensors(tmp_path / "other", zeros, {"input_size": 32, "shortcut_guard": True, "draw": 0})
        with pytest.raises(InputError, match=r"size mismatch for head.1.weight"):
            highlighter_model.load(tmp_path / "other", torch.device("cpu"))


def test_logits_do_not_depend_on_the_chunk():
    model = tiny_highlighter.highlighter()
    shown = tiny_highlighter.images(5, 16, striped=True)
    whole, chunked = (
        highlighter_model.classify(model, shown, tiny_highlighter.streams(5), torch.float32, chunk_size=size)
        for size in (5, 2)
    )
    torch.testing.assert_close(whole, chunked)
    assert whole.shape == (5, 2)
