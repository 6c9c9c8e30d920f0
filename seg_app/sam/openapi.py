"""What a SAM server can be asked, as an OpenAPI document (https://spec.openapis.org/oas/v3.1.0)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from seg_app.sam.autooptions import LIMITS, OPTIONAL, SWITCHES, WHOLE
from seg_app.sam.followwire import MOST_OBJECTS, MOST_PLANES
from seg_app.sam.question import FARTHEST_PX
from seg_app.sam.wire import MAX_MESSAGE_BYTES, MAX_POINTS

if TYPE_CHECKING:
    from collections.abc import Sequence

JSON = "application/json"
BYTES = "application/octet-stream"
LINES = "application/x-ndjson"
PAGE = "text/html"

REASONS = {
    401: "The token is missing or wrong.",
    404: "The image of this key is not here (any more): send it.",
    413: f"The body has more than {MAX_MESSAGE_BYTES} bytes.",
    422: "The question makes no sense; the reason says why.",
    503: "The server is full: ask again in a moment.",
}


def _number(name: str, low: float, high: float) -> dict[str, Any]:
    """Return the schema of an option that is a number, for some also null."""
    bounds = {"minimum": low, "maximum": high}
    kind = "integer" if name in WHOLE else "number"
    return {
        "type": [kind, "null"] if name in OPTIONAL else kind,
        **{key: bound for key, bound in bounds.items() if math.isfinite(bound)},
    }


NUMBER = {"type": "number", "minimum": -FARTHEST_PX, "maximum": FARTHEST_PX}
POINT = {
    "type": "object",
    "required": ["x", "y"],
    "properties": {"x": NUMBER, "y": NUMBER, "include": {"type": "boolean", "default": True}},
    "description": "A place in pixels of the image; the centre of the top left one is at (0, 0).",
}
BOX = {
    "type": ["object", "null"],
    "required": ["x0", "y0", "x1", "y1"],
    "properties": dict.fromkeys(("x0", "y0", "x1", "y1"), NUMBER),
}
PROMPTS = {
    "type": "object",
    "properties": {"points": {"type": "array", "maxItems": MAX_POINTS, "items": POINT}, "box": BOX},
}
KEY = {"type": "string", "description": "BLAKE2b (16 bytes, hexadecimal) of the shape and the pixels of an image."}
TRACE = {"type": ["string", "null"], "description": "The trace of the answer that the prompts correct."}
MASK = {
    "type": ["string", "null"],
    "contentEncoding": "base64",
    "description": "A rough outline: a message of one (rows, columns) array of float16, above 0 inside.",
}
SHARE = {"type": "number", "minimum": 0, "maximum": 1}
OPTIONS = {
    "type": "object",
    "description": "Fields of AutoOptions; those of SAM2AutomaticMaskGenerator by name.",
    "properties": {
        **{name: _number(name, *limits) for name, limits in LIMITS.items()},
        **{name: {"type": "boolean"} for name in sorted(SWITCHES)},
        "point_grids": {
            "type": ["array", "null"],
            "items": {"type": "array", "items": {"type": "array", "minItems": 2, "maxItems": 2, "items": SHARE}},
        },
        "region": BOX,
        "excluded_rows": {
            "type": ["array", "null"],
            "minItems": 2,
            "maxItems": 2,
            "items": {"type": "integer", "minimum": 0},
        },
    },
}
WAY = {
    "keys": {"type": "array", "minItems": 2, "maxItems": MOST_PLANES, "items": KEY},
    "planes": {"type": "integer", "minimum": 2, "maximum": MOST_PLANES, "description": "How many the volume has."},
    "masks": {
        "type": "array",
        "minItems": 1,
        "maxItems": MOST_OBJECTS,
        "items": {
            "type": "object",
            "required": ["number", "mask"],
            "properties": {"number": {"type": "integer"}, "mask": {"type": "string", "contentEncoding": "base64"}},
        },
        "description": "Objects on the first plane: messages of one array of uint8, eight pixels a byte.",
    },
}
QUESTION = {"prompts": PROMPTS, "previous": TRACE, "mask": MASK}
CLIENT = {"type": "string", "description": "Who asks: what the same one asked before and has not begun is given up."}


def document(name: str) -> dict[str, Any]:
    """Return the document of a server that answers for the segmenter of this name, as JSON values."""
    return {
        "openapi": "3.1.0",
        "info": {"title": f"seg-app sam: {name}", "version": "1", "description": DESCRIPTION},
        "paths": {
            "/health": {"get": _operation("Say which segmenter answers", JSON)},
            "/status": {"get": _operation("Show what the server holds and who asks; JSON where that is wanted", PAGE)},
            "/images/{key}": {"put": _operation("Send an image once", None, body=BYTES, refuses=(413, 422))},
            "/embed": {"post": _question("Get ready for prompts on an image", None, {"client": CLIENT})},
            "/predict": {"post": _question("Outline what prompts mean", BYTES, QUESTION)},
            "/preview": {
                "post": _question("Outline what a click would, if quick", BYTES, {"prompts": PROMPTS, "client": CLIENT})
            },
            "/automask": {"post": _question("Find all objects of an image", LINES, {"options": OPTIONS})},
            "/propagate": {"post": _question("Find objects of a plane on another one", BYTES, WAY, required=[*WAY])},
            "/cache": {"delete": _operation("Let go of all images and embeddings", None)},
            "/openapi.json": {"get": _operation("Return this document", JSON)},
            "/docs": {"get": _operation("Show this document as a page", PAGE)},
        },
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic", "description": "Any user; the password is the token."},
            }
        },
        "security": [{"bearer": []}, {"basic": []}],
    }


DESCRIPTION = (
    "Outlines what prompts point at on images. An image is sent once, and named by its content from then on. "
    "Images and masks travel as messages: 4 bytes (the length of the header, big-endian), the header (JSON), and "
    "zlib-compressed arrays whose type, shape and length it tells; see seg_app.sam.wire."
)


def _question(
    summary: str, answer: str | None, fields: dict[str, Any], *, required: Sequence[str] = ("key",)
) -> dict[str, Any]:
    operation = _operation(summary, answer, body=JSON, refuses=(404, 413, 422, 503))
    properties = {name: {"key": KEY, **fields}[name] for name in dict.fromkeys((*required, *fields))}
    schema = {"type": "object", "required": [*required], "properties": properties}
    operation["requestBody"]["content"][JSON]["schema"] = schema
    return operation


def _operation(
    summary: str, answer: str | None, *, body: str | None = None, refuses: tuple[int, ...] = ()
) -> dict[str, Any]:
    """Return an operation that answers with a type of content, None for nothing."""
    good = (
        {"200": {"description": "The answer", "content": {answer: {}}}} if answer else {"204": {"description": "Done"}}
    )
    bad = {str(code): {"description": REASONS[code], "content": {JSON: {}}} for code in (401, *refuses)}
    asked = {"requestBody": {"required": True, "content": {body: {}}}} if body else {}
    key = {"name": "key", "in": "path", "required": True, "schema": KEY}
    return {"summary": summary, "responses": good | bad, **asked, **({"parameters": [key]} if body == BYTES else {})}
