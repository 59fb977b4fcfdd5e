"""Text encoders: captions as the embeddings that the cross-attention of a text-to-image network reads (method 5.3).

A folder is one that transformers saves and loads: a model whose first output is (N, L, D), and its tokenizer.
transformers is imported inside functions, since that takes seconds.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from selfrefine.core import files, model_folders, strict_loading
from selfrefine.core.chunks import in_chunks
from selfrefine.core.errors import InputError, one_line

NO_CAPTION = ""  # the first row of all embeddings: what guidance and caption dropout put in the place of a caption


class TextEncoder:
    """A model and its tokenizer, as diffusers' StableDiffusionPipeline uses them.

    Args:
        model: of transformers, in evaluation mode; its first output is (N, L, D).
        tokenizer: of transformers; its `model_max_length` is L.
    """

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self.model = model
        self.tokenizer = tokenizer

    @property
    def tokens(self) -> int:
        """L: to how many tokens each caption is padded or cut."""
        return int(self.tokenizer.model_max_length)

    @torch.no_grad()
    def embed(self, captions: Sequence[str]) -> Tensor:
        """Captions to embeddings, (N, L, D) float32 on the model's device; longer captions are cut after L tokens.

        Padding is embedded, too, and no attention is masked: so does StableDiffusionPipeline.
        """
        ids = self.tokenizer(
            [*captions], padding="max_length", truncation=True, max_length=self.tokens, return_tensors="pt"
        ).input_ids
        embedded: Tensor = self.model(ids.to(self.model.device), attention_mask=None)[0]
        return embedded.float()

    def too_long(self, captions: Sequence[str]) -> int:
        """How many captions are cut."""
        ids = self.tokenizer([*captions], padding=False, truncation=False, verbose=False).input_ids
        return sum(len(row) > self.tokens for row in ids)


def load(folder: Path, tokens: int | None = None) -> TextEncoder:
    """The text encoder of a sealed folder, on the CPU, with gradients off.

    Args:
        folder: made by `save`.
        tokens: L; None: as many as the model takes.

    Raises:
        InputError: a folder that is missing, changed or something else; fewer tokens than one word needs or more than
            the model takes.
    """
    model, tokenizer = read(files.check_folder(folder), folder)
    most = min(tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", None) or 2**31)
    least = tokenizer.num_special_tokens_to_add() + 1
    if tokens is not None and not least <= tokens <= most:
        raise InputError(f"params.yaml: encode_captions.tokens is {tokens}; {folder} takes {least} to {most}")
    tokenizer.model_max_length = most if tokens is None else tokens
    return TextEncoder(model.requires_grad_(False), tokenizer)


def read(model_folder: Path, tokenizer_folder: Path) -> tuple[Any, Any]:
    """Model (float32, in evaluation mode) and tokenizer as transformers saved them; of a whole CLIP its text half.

    Only safetensors are read and no code of the folder runs.

    Raises:
        InputError: a folder that holds no such thing, or weights that are cut off or incomplete.
    """
    from transformers import AutoConfig, AutoModel, AutoTokenizer, CLIPTextModel

    strict_loading.quiet_transformers()
    for folder in {model_folder, tokenizer_folder}:
        model_folders.check(folder)
    local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    strictly: dict[str, Any] = {"use_safetensors": True, "dtype": torch.float32, "output_loading_info": True}
    try:
        whole_clip = AutoConfig.from_pretrained(model_folder, **local).model_type == "clip"
        reader: Any = CLIPTextModel if whole_clip else AutoModel
        model, report = reader.from_pretrained(model_folder, **local, **strictly)
        tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder, **local)
    except strict_loading.UNREADABLE as error:
        raise InputError(f"{model_folder}: not a text encoder of transformers: {one_line(error)}") from error
    strict_loading.check_report(model_folder, report, exact=False)
    return model.eval(), tokenizer


def save(model: Any, tokenizer: Any, folder: Path) -> None:
    """Saves a sealed folder that `load` and transformers read; it appears under its name only if it embeds captions.

    Raises:
        InputError: a model whose first output for captions is not (N, L, D).
    """
    with files.atomic_folder(folder) as temporary:
        model.save_pretrained(temporary, safe_serialization=True)
        tokenizer.save_pretrained(temporary)
        (temporary / "model.safetensors").chmod(0o644)  # safetensors makes it the owner's alone
        encoder = TextEncoder(*read(temporary, temporary))
        encoder.tokenizer.model_max_length = encoder.tokenizer.num_special_tokens_to_add() + 2
        try:
            given = tuple(encoder.embed([NO_CAPTION, "a photo"]).shape)
        except (ValueError, TypeError, RuntimeError, AttributeError) as error:
            raise InputError(f"{folder}: {type(model).__name__} embeds no captions: {one_line(error)}") from error
        if len(given) != 3 or given[:2] != (2, encoder.tokens):
            raise InputError(
                f"{folder}: {type(model).__name__} gives {given} for two captions, (2, {encoder.tokens}, D) needed"
            )


def distinct(*captions: Iterable[str]) -> list[str]:
    """All captions of some lists once, in an order that depends on nothing else; before them the empty one."""
    return [NO_CAPTION, *sorted(set().union(*captions) - {NO_CAPTION})]


def rows(captions: Iterable[str], among: Sequence[str]) -> np.ndarray:
    """Where each caption stands among the distinct ones: (N,) int64."""
    places = {caption: row for row, caption in enumerate(among)}
    return np.array([places[caption] for caption in captions], dtype=np.int64)


def encode(encoder: TextEncoder, captions: Sequence[str], scratch: Path, *, label: str, chunk_size: int) -> list[Path]:
    """Embeddings of captions, in files of (chunk_size, L, D) float16 in their order, padded at the end.

    In chunks, whose bytes depend on no order of work and which a killed job need not make again.

    Args:
        encoder: what embeds.
        captions: at least one.
        scratch: the job's scratch folder.
        label: for the progress lines.
        chunk_size: captions embedded together.

    Raises:
        InputError: embeddings beyond the range of float16.
    """

    def chunk(numbers: np.ndarray) -> np.ndarray:
        """Embeddings of the captions of these numbers; the last chunk begins again with the first caption."""
        given = [captions[number % len(captions)] for number in numbers.tolist()]
        embedded: np.ndarray = encoder.embed(given).to("cpu", torch.float16).numpy()
        if not np.isfinite(embedded).all():
            raise InputError(f"{label}: embeddings are not finite or beyond float16; choose another text_encoder")
        return embedded

    return in_chunks(chunk, len(captions), scratch, label=label, chunk_size=chunk_size, unit="caption")
