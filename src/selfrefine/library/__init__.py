"""The same method for a person's own pipeline and images, without a workflow: README, "Your own model"."""

from selfrefine.library.conditions import Conditions
from selfrefine.library.given import load_images, show
from selfrefine.library.refine import flaw_maps, refine, train_highlighter

__all__ = ["Conditions", "flaw_maps", "load_images", "refine", "show", "train_highlighter"]
