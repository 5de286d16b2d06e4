"""Figures as a page holds them: fewer bytes, the same to the eye."""

from __future__ import annotations

import io

COLOURS = 256


def smaller(content: bytes) -> tuple[bytes, tuple[int, int]]:
    """Return a PNG with at most 256 colours if that is fewer bytes, else as it is; with its width and height.

    Diagrams have few colours; what is merged are shades at the edges of lines and letters.

    Raises:
        ValueError: if it is no image, or a damaged one.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            reduced = image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:  # the middle one is PIL's for PNG
        raise ValueError("a damaged image, which is no PNG as it stands") from error
    stream = io.BytesIO()
    reduced.save(stream, format="PNG", compress_level=9)
    return min(content, stream.getvalue(), key=len), reduced.size
