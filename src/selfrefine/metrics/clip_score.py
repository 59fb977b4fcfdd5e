"""CLIP score: how well an image and a sentence agree by CLIP, in the place of a classifier where there are no classes.

100 cos(image, sentence) of CLIP's two embeddings, 0 where negative (Hessel et al. 2021, with the factor 100 that is
common today instead of 2.5).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from selfrefine.core import model_folders, strict_loading
from selfrefine.core.errors import InputError, one_line
from selfrefine.metrics.prompt_agreement import Scores, other_images

FACTOR = 100.0


class Clip:
    """A CLIP in a folder as `transformers` saves it: its two towers, its tokenizer, its way to prepare images.

    Args:
        folder: with config.json, model.safetensors, tokenizer and preprocessor_config.json.
        device: to compute on.

    Raises:
        InputError: a folder that is not one of a CLIP.
    """

    def __init__(self, folder: Path, device: torch.device) -> None:
        from transformers import AutoTokenizer, CLIPImageProcessor, CLIPModel  # slow

        self.device, remedy = device, "edit evaluate_prompts.clip_folder in params.yaml"
        local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        try:
            model: Any = strict_loading.load(CLIPModel, folder)
            prepares = model_folders.read(folder / "preprocessor_config.json")
            self.tokenizer: Any = AutoTokenizer.from_pretrained(folder, **local)
            self.processor: Any = CLIPImageProcessor.from_pretrained(folder, **local)
        except strict_loading.UNREADABLE as error:
            raise InputError(f"{folder}: not a CLIP as transformers saves it ({one_line(error)})", remedy) from error
        except InputError as error:
            raise InputError(error.fact, remedy) from None
        # For what is unsaid transformers would take its own.
        if unsaid := [name for name in model_folders.PREPARES if name not in prepares]:
            raise InputError(f"{folder}/preprocessor_config.json: says nothing of {', '.join(unsaid)}", remedy)
        self.model = model.to(device)

    def scores(self, images: np.ndarray, captions: Sequence[str], batch_size: int) -> Scores:
        """The scores of images with their own captions and with those of others.

        Args:
            images: (N, H, W, 3) uint8.
            captions: N sentences; what is longer than CLIP reads is cut.
            batch_size: images or sentences at a time.
        """
        distinct = sorted(set(captions))
        rows = np.array([distinct.index(caption) for caption in captions])
        seen, said = self.see(images, batch_size), self.read(distinct, batch_size)
        own, other = (
            FACTOR * (seen * said[kept]).sum(dim=1).clamp(min=0.0).numpy().astype(np.float64)
            for kept in (rows, rows[other_images(len(rows))])
        )
        return Scores("clip", own, other)

    @torch.no_grad()
    def see(self, images: np.ndarray, batch_size: int) -> Tensor:
        """Embeddings of images, (N, D) float32 of length 1 on the CPU."""
        found = []
        for start in range(0, len(images), batch_size):
            chunk = list(np.array(images[start : start + batch_size]))  # a copy: torch warns of read-only memory
            prepared = self.processor(images=chunk, return_tensors="pt", input_data_format="channels_last")
            pooled = self.model.vision_model(pixel_values=prepared["pixel_values"].to(self.device)).pooler_output
            found.append(F.normalize(self.model.visual_projection(pooled).float(), dim=-1).cpu())
        return torch.cat(found)

    @torch.no_grad()
    def read(self, captions: Sequence[str], batch_size: int) -> Tensor:
        """Embeddings of sentences, (N, D) float32 of length 1 on the CPU."""
        found, length = [], self.model.config.text_config.max_position_embeddings
        for start in range(0, len(captions), batch_size):
            words = self.tokenizer(
                list(captions[start : start + batch_size]),
                padding=True,
                truncation=True,
                max_length=length,
                return_tensors="pt",
            ).to(self.device)
            pooled = self.model.text_model(
                input_ids=words["input_ids"], attention_mask=words["attention_mask"]
            ).pooler_output
            found.append(F.normalize(self.model.text_projection(pooled).float(), dim=-1).cpu())
        return torch.cat(found)
