"""CLIP's score against CLIP's own logits."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from selfrefine.core.errors import InputError
from selfrefine.metrics import prompt_agreement
from selfrefine.metrics.clip_score import Clip
from tests.support import tiny, tiny_clip

CAPTIONS = ["a boot", "a photo of a coat", "a boot", "coat", "photo of a boot", "a coat"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return Clip(tiny_clip.save(tmp_path_factory.mktemp("clip")), torch.device("cpu"))


def test_scores_are_those_of_the_whole_model(clip):
    """The model's own image-text logits, without their temperature, negatives cut."""
    images = tiny.tiny_images(6, 24)
    words = clip.tokenizer(CAPTIONS, padding=True, return_tensors="pt")
    seen = clip.processor(images=list(images), return_tensors="pt", input_data_format="channels_last")
    with torch.no_grad():
        found = clip.model(**words, pixel_values=seen["pixel_values"])
        cosines = (found.logits_per_image / clip.model.logit_scale.exp()).numpy()
    scores = clip.scores(images, CAPTIONS, batch_size=4)
    assert scores.judge == "clip"
    assert np.ptp(np.diag(cosines)) > 1e-3
    assert scores.own == pytest.approx(100.0 * np.diag(cosines).clip(0.0), abs=1e-3)
    others = prompt_agreement.other_images(6)
    assert scores.other == pytest.approx(100.0 * cosines[np.arange(6), others].clip(0.0), abs=1e-3)


def test_a_sentence_longer_than_it_reads_is_cut(clip):
    long = " ".join(["boot"] * 50)
    assert clip.read([long], 1).shape == (1, 8)


def test_another_folder_is_one_line(tmp_path):
    with pytest.raises(InputError, match=r"no CLIPModel that can be read.*evaluate_prompts.clip_folder") as error:
        Clip(tmp_path, torch.device("cpu"))
    assert "\n" not in str(error.value)


def test_what_transformers_would_fill_in_by_itself_is_refused(tmp_path):
    weights = tiny_clip.save(tmp_path / "weights") / "model.safetensors"
    tensors = load_file(weights)
    del tensors["visual_projection.weight"]
    save_file(tensors, weights, {"format": "pt"})
    with pytest.raises(InputError, match=r"weights lack 1 tensors, visual_projection.weight among them; edit evalu"):
        Clip(weights.parent, torch.device("cpu"))
    settings = tiny_clip.save(tmp_path / "settings") / "preprocessor_config.json"
    settings.write_text(json.dumps({"size": {"shortest_edge": tiny_clip.SIDE}}))
    with pytest.raises(InputError, match=r"says nothing of image_mean, image_std, crop_size; edit evaluate_prompts"):
        Clip(settings.parent, torch.device("cpu"))
