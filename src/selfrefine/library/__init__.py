"""The same method for a person's own pipeline or images, without a workflow: README, "Your own model"."""

from selfrefine.library.conditions import Conditions
from selfrefine.library.given import load_images, show
from selfrefine.library.highlighting.highlighted import Highlighted
from selfrefine.library.highlighting.run import highlight
from selfrefine.library.refine import flaw_maps, refine, train_highlighter

__all__ = ["Conditions", "Highlighted", "flaw_maps", "highlight", "load_images", "refine", "show", "train_highlighter"]
