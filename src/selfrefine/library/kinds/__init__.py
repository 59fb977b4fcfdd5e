"""Kinds of pipelines that the library takes: a module each, which says of a pipeline whether it is of that kind."""

from typing import Any

from selfrefine.library.kinds import pixart, text_to_image, transformers, unets
from selfrefine.library.kinds.kind import Kind


def of(pipeline: Any, given: str = "pipeline") -> Kind:
    """The kind of a pipeline.

    Args:
        pipeline: of any class, or anything else.
        given: what names it in the message: an argument or a folder.

    Raises:
        InputError: it is of no kind that is known here; the line says what would fit.
    """
    module: Any = next(found for found in (text_to_image, pixart, transformers, unets) if found.fits(pipeline))
    kind: Kind = module.checked(pipeline, given)
    return kind
