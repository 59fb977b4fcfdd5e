"""How a diffusion network is trained, in both phases."""

from dataclasses import dataclass

from selfrefine.core.errors import InputError


@dataclass(frozen=True)
class Settings:
    """How a network is trained; the refinement phase goes on with the settings of its base phase.

    Args:
        batch_size: images per step.
        gradient_accumulation: parts that a step's batch passes the network in, one after the other; divides batch_size.
            Images, times and noise stay the whole batch's; so does the gradient, but for rounding and dropout.
        gradient_checkpointing: whether the backward pass computes activations again, which are then not kept.
        learning_rate: of AdamW, after the warm-up.
        weight_decay: of AdamW.
        betas: of AdamW's two moments.
        warmup_steps: the rate rises linearly over these first steps.
        decay_at: share of the base phase after which the rate is multiplied by decay_factor; constant from there on.
        decay_factor: that factor.
        max_gradient_norm: gradients are clipped to this norm.
        ema_decay: of the average of the weights per step, once it has warmed up (`ema_decay_at`).
        horizontal_flip: whether half of the images are mirrored.
        caption_dropout: probability with which a caption is left empty, where there are captions.
        base_steps: length of the base phase.

    Raises:
        InputError: a batch that cannot be cut into that many equal parts.
    """

    batch_size: int
    gradient_accumulation: int
    gradient_checkpointing: bool
    learning_rate: float
    weight_decay: float
    betas: tuple[float, ...]
    warmup_steps: int
    decay_at: float
    decay_factor: float
    max_gradient_norm: float
    ema_decay: float
    horizontal_flip: bool
    caption_dropout: float
    base_steps: int

    def __post_init__(self) -> None:
        if self.batch_size % self.gradient_accumulation:
            raise InputError(
                f"params.yaml: train_base.gradient_accumulation is {self.gradient_accumulation}; "
                f"allowed: a divisor of batch_size, which is {self.batch_size}"
            )

    def rate(self, step: int) -> float:
        """The learning rate of the update with this number, from 0."""
        warm = min(1.0, (step + 1) / max(self.warmup_steps, 1))
        return self.learning_rate * warm * (self.decay_factor if step >= self.decay_at * self.base_steps else 1.0)

    def ema_decay_at(self, step: int) -> float:
        """The decay of the average in the update with this number, from 0: min(ema_decay, (1 + step) / (10 + step)).

        # Not in paper: it warms up, because at a constant decay a short training's average is partly its random start.
        """
        return min(self.ema_decay, (1 + step) / (10 + step))
