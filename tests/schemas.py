"""What may be asked of a SAM server: as its OpenAPI document says, almost so, and not at all."""

import base64
import json
from urllib.parse import quote

import numpy as np
from hypothesis import strategies as st

from seg_app.sam.cache import content_key
from seg_app.sam.wire import pack, pack_image

NONE = st.nothing()
SIZE = 20
"""Rows and columns of the image that is asked about."""
FEW = 2

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from([1e39, 10**400]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
mask = pack({}, [np.ones((SIZE, SIZE), "f2")])
bits = pack({"columns": SIZE}, [np.packbits(np.ones((SIZE, SIZE), bool), axis=1)])
odd = [
    *(
        pack({"columns": 9}, [np.ones(shape, kind)])
        for shape in ((4,), (0, 4), (4, 4), (SIZE, 3))
        for kind in ("u1", "f2")
    ),
    *(pack({}, [np.full((2, 2), value, "f2")]) for value in (np.nan, np.inf, 6e4)),
]
messages = st.just(mask) | st.just(bits) | st.sampled_from(odd) | st.binary()
images = st.sampled_from([pack_image(np.zeros((*shape, 3), "u1")) for shape in ((3, 5), (1, 1), (0, 2))])


def values(schema, *, key, strays=NONE):
    """Return small values of a JSON schema, with `strays` anywhere in their stead. key: what texts say."""
    kinds = schema["type"]
    made = [MAKERS[kind](schema, key, strays) for kind in ([kinds] if isinstance(kinds, str) else kinds)]
    return st.one_of(*made, strays)


def _numbers(schema, _key, _strays):
    low, high = max(schema.get("minimum", -3), -3), min(schema.get("maximum", SIZE), SIZE)
    return st.integers(low, high) | st.floats(low, high)


def _whole(schema, _key, _strays):
    low = schema.get("minimum", 0)
    return st.integers(low, low + FEW)


def _text(schema, key, _strays):
    return (
        messages.map(lambda message: base64.b64encode(message).decode())
        if "contentEncoding" in schema
        else st.just(key)
    )


def _list(schema, key, strays):
    fewest = schema.get("minItems", 0)
    most = min(schema.get("maxItems", fewest + FEW), fewest + FEW)
    return st.lists(values(schema["items"], key=key, strays=strays), min_size=fewest, max_size=most)


def _object(schema, key, strays):
    fields = {name: values(field, key=key, strays=strays) for name, field in schema["properties"].items()}
    return st.fixed_dictionaries({name: fields.pop(name) for name in schema.get("required", ())}, optional=fields)


MAKERS = {
    "null": lambda *_: st.none(),
    "boolean": lambda *_: st.booleans(),
    "integer": _whole,
    "number": _numbers,
    "string": _text,
    "array": _list,
    "object": _object,
}


def requests(document, image):
    """Return requests (method, path, body) for all that can be asked by a document. image: one that is known."""
    operations = [(*way, operation) for way, operation in operations_of(document).items()]
    return st.one_of(*(_requests(*each, image) for each in operations))


def operations_of(document):
    """Return the operations of a document by method and path."""
    return {(method, path): told for path, methods in document["paths"].items() for method, told in methods.items()}


def _requests(method, path, operation, image):
    key = content_key(image)
    others = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(lambda text: quote(text, safe=""))
    paths = (st.just(key) | others).map(lambda word: path.replace("{key}", word)) if "{" in path else st.just(path)
    (content,) = operation.get("requestBody", {}).get("content", {"": {}}).values()
    bodies = st.just(pack_image(image)) | images
    if schema := content.get("schema"):
        told = values(schema, key=key) | values(schema, key=key, strays=anything) | anything
        bodies = told.map(lambda value: json.dumps(value).encode())
    return st.tuples(st.just(method), paths, bodies | st.binary(max_size=200))
