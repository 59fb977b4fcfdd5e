"""How a variant uses its map, and when the map is due for a refresh."""

import dataclasses

from selfrefine.diffusion import forward_process
from selfrefine.guidance import attention_modulation, control_maps
from selfrefine.highlighter.gradcam import PAPER_CAM, Cam


@dataclasses.dataclass(frozen=True)
class Refinement:
    """How a variant uses its map: a row of `variants` with the strengths of train_refined; switches are in paper mode.

    Args:
        forward: how the map enters the forward process.
        forward_weight: lf >= 0.
        reverse: how the map enters attention.
        reverse_weight: lr >= 0.
        cycle: steps between two refreshes.
        map_images: images behind one map.
        map_steps: DDIM steps of these images.
        map: which map.
        match: whether it gets mean and standard deviation of the mFAM.
        gamma: strength of DDPM-IP's input perturbation, in the place of the forward process; 0 for none.
        projection: what the map passes on its way to attention.
        layers: which attentions.
        cam: how images are explained.
    """

    forward: forward_process.ForwardProcess
    forward_weight: float
    reverse: attention_modulation.ReverseProcess
    reverse_weight: float
    cycle: int
    map_images: int
    map_steps: int
    map: control_maps.GuidanceMap = "mfam"
    match: bool = False
    gamma: float = 0.0
    projection: attention_modulation.Projection = "identity"
    layers: attention_modulation.Layers = "all"
    cam: Cam = PAPER_CAM

    @property
    def uses_map(self) -> bool:
        """Whether any process reads the map."""
        return self.forward != "none" or self.reverse != "none"

    def due(self, step: int, first_step: int) -> bool:
        """Whether the map is refreshed before the update of `step`: at the first step of the phase and when the global
        step is a multiple of the cycle (method 3).
        """
        return self.uses_map and (step == first_step or step % self.cycle == 0)
