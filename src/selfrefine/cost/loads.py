"""The configs behind a job, the networks that they name, and loads of these."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from selfrefine.core import config_json
from selfrefine.core.names import FLAW
from selfrefine.cost.flops import Autoencoder, Classifier, Diffusion, Network, count
from selfrefine.params import job_config

Kind = Literal["train", "evaluate", "measure"]  # measure: without gradients like evaluate, but always in float32
TRAINING = 3  # passes of a training step: one forward, and the backward pass is two
Params = Mapping[str, Any]


@dataclass(frozen=True)
class Load:
    """Images that pass a network.

    Args:
        kind: how.
        network: which.
        batch: images at a time.
        images: how many in all; an image counts once for each evaluation.
    """

    kind: Kind
    network: Network
    batch: int
    images: int

    @property
    def flops(self) -> float:
        """Of all images; checkpointed gradients take another forward pass."""
        passes = TRAINING + (isinstance(self.network, Diffusion) and self.network.checkpointing)
        return float(self.images * count(self.network).flops * (passes if self.kind == "train" else 1))


class Run:
    """The configs behind one job."""

    def __init__(self, params: Params, names: Mapping[str, str]) -> None:
        self.params, self.names = params, dict(names)

    def of(self, stage: str, **names: str) -> dict[str, Any]:
        """The config of a stage in this job's run."""
        return job_config.job(self.params, stage, self.names | names)

    def selected(self, section: str) -> list[str]:
        """Rows that run on the job's data set with its model."""
        return job_config.selected(self.params, section, self.names["dataset"], self.names["model"])

    def network(self) -> Diffusion:
        """The diffusion network."""
        base = self.of("train_base")
        network, diffusion = (config_json.to_json(base[leaf]) for leaf in ("network", "diffusion"))
        size, prompt = self.of("prepare_data")["size"], self.prompt()
        return Diffusion(base["family"], network, diffusion, size, self.autoencoder(), prompt)

    def prompt(self) -> tuple[int, int] | None:
        """Tokens of a caption and channels of one; None of a family that takes no prompts."""
        if not job_config.is_prompted(self.params, self.names["dataset"], self.names["model"]):
            return None
        values = self.of("encode_captions")
        return values["tokens"], self.params["text_encoders"][values["text_encoder"]]["width"]

    def autoencoder(self, part: Literal["whole", "encoder", "decoder"] = "whole") -> Autoencoder | None:
        """The first stage; None of a family that works on pixels. One from a folder is taken for that of the params."""
        if not job_config.is_latent(self.params, self.names["dataset"], self.names["model"]):
            return None
        values, size = self.of("train_autoencoder"), self.of("prepare_data")["size"]
        return Autoencoder(values["kind"], config_json.to_json(values["network"]), size, part)

    def highlighter(self, name: str = FLAW) -> Classifier:
        """A highlighter."""
        return Classifier("highlighter", self.of("train_highlighter", highlighter=name)["input_size"])

    def classifier(self) -> Classifier:
        """The classifier of real images."""
        return Classifier("classifier", self.of("prepare_data")["size"])

    def tenth(self) -> int:
        """Images of each class in the validation or the test part of a highlighter."""
        return int(self.params["shared"]["n_fakes"]) // 10
