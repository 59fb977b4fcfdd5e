"""What kinds of pipelines differ in, as far as the method asks."""

from dataclasses import dataclass
from typing import Literal

# What a network is told of an image beside x_t and t: nothing, the number of its class, its caption.
Condition = Literal["none", "classes", "captions"]


@dataclass(frozen=True)
class Kind:
    """A kind of pipeline.

    Args:
        network: name of the pipeline's part that is trained; it is called with x_t, t and what it is told.
        condition: what it is told.
        classes: how many there are.
        null: the class that stands for none; None of a network that knows none.
        learned_variance: whether its last channels tell the variance, also where its scheduler does not say so.
        masked: whether captions come with a mask, and the network is called as PixArt's.
    """

    network: str = "unet"
    condition: Condition = "none"
    classes: int = 0
    null: int | None = None
    learned_variance: bool = False
    masked: bool = False

    @property
    def guided(self) -> bool:
        """Whether classifier-free guidance is possible: the network knows images of which nothing is told."""
        return self.condition == "captions" or self.null is not None
