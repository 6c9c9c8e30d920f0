"""A segmenter as a service over HTTP, so that the model can run where the GPU is.

| request | body | answer |
|---|---|---|
| GET /health | | JSON: name, input_size |
| PUT /images/{key} | message of one image | 204 |
| POST /embed | JSON: key, and client: who asks (optional) | 204 |
| POST /predict | JSON: key, prompts, and previous: the trace that they correct (optional) | message of candidates |
| POST /automask | JSON: key, options | lines of JSON, one for each step: see `autowire`. Hanging up ends the search |

Errors are JSON `{"error": …}`: 401 wrong token, 404 the image of this key is not here (any more): send it,
413 too large, 422 the question makes no sense. The key of an image is the hash of its content.
"""

from __future__ import annotations

import hmac
import json
import uuid
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from seg_app.errors import SegmenterError
from seg_app.sam.autooptions import options_from_json
from seg_app.sam.autowire import lines_of
from seg_app.sam.cache import Recent, content_key
from seg_app.sam.wire import MAX_MESSAGE_BYTES, pack_candidates, prompts_from_json, unpack_image

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import numpy as np
    from numpy.typing import NDArray
    from starlette.requests import Request

    from seg_app.sam.protocol import Search, Segmenter, Trace

KEPT_IMAGES = 32
KEPT_TRACES = 256
"""Of 256 KiB each with the official models; a click leaves one to three."""


def create_app(segmenter: Segmenter, *, token: str | None = None) -> Starlette:
    """Return the web application that answers for a segmenter. token: what clients must know, None for anybody."""
    service = _Service(segmenter, token)
    return Starlette(
        routes=[
            Route("/health", service.health),
            Route("/images/{key}", service.put_image, methods=["PUT"]),
            Route("/embed", service.embed, methods=["POST"]),
            Route("/predict", service.predict, methods=["POST"]),
            Route("/automask", service.automask, methods=["POST"]),
        ],
        exception_handlers={SegmenterError: _nonsense, HTTPException: _refusal},
    )


def serve(segmenter: Segmenter, *, host: str = "127.0.0.1", port: int = 8001, token: str | None = None) -> None:
    """Answer for a segmenter until the process is told to stop."""
    uvicorn.run(create_app(segmenter, token=token), host=host, port=port)


class _Service:
    def __init__(self, segmenter: Segmenter, token: str | None) -> None:
        self._segmenter = segmenter
        self._token = token
        self._images: Recent[NDArray[np.uint8]] = Recent(KEPT_IMAGES)
        self._traces: Recent[Trace] = Recent(KEPT_TRACES)

    async def health(self, request: Request) -> Response:
        self._check_token(request)
        return JSONResponse({"name": self._segmenter.name, "input_size": self._segmenter.input_size})

    async def put_image(self, request: Request) -> Response:
        self._check_token(request)
        body = await _body(request)
        await run_in_threadpool(self._keep, request.path_params["key"], body)
        return Response(status_code=204)

    async def embed(self, request: Request) -> Response:
        self._check_token(request)
        question = _json(await _body(request))
        client = str(question.get("client", ""))
        await run_in_threadpool(partial(self._segmenter.embed, self._image(question), client=client))
        return Response(status_code=204)

    async def predict(self, request: Request) -> Response:
        self._check_token(request)
        question = _json(await _body(request))
        message = await run_in_threadpool(self._answer, question)
        return Response(message, media_type="application/octet-stream")

    async def automask(self, request: Request) -> Response:
        self._check_token(request)
        question = _json(await _body(request))
        # what makes no sense is refused here, while there still is a status to say so
        search = await run_in_threadpool(self._search, question)
        return StreamingResponse(_stepped(search), media_type="application/x-ndjson")

    def _check_token(self, request: Request) -> None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self._token and not hmac.compare_digest(given.encode(), self._token.encode()):
            raise HTTPException(401, "The token is missing or wrong. Give the one that the server was started with.")

    def _keep(self, key: str, message: bytes) -> None:
        image = unpack_image(message)
        if content_key(image) != key:
            raise SegmenterError(f"The image is not the one that '{key}' names. Send it again.")
        self._images.keep(key, image)

    def _image(self, question: dict[str, Any]) -> NDArray[np.uint8]:
        key = str(question.get("key"))
        image = self._images.find(key)
        if image is None:
            raise HTTPException(404, f"There is no image '{key}' here (any more). Send it again.")
        return image

    def _answer(self, question: dict[str, Any]) -> bytes:
        prompts = prompts_from_json(question.get("prompts"))
        previous = self._traces.find(str(question.get("previous")))
        candidates = self._segmenter.predict(self._image(question), prompts, previous=previous)
        return pack_candidates([replace(candidate, trace=self._named(candidate.trace)) for candidate in candidates])

    def _named(self, trace: Trace | None) -> str | None:
        """Keep a trace, and return the name that a client calls it by."""
        if trace is None:
            return None
        name = uuid.uuid4().hex
        self._traces.keep(name, trace)
        return name

    def _search(self, question: dict[str, Any]) -> Search:
        options = options_from_json(question.get("options") or {})
        return self._segmenter.automask(self._image(question), options)


async def _stepped(search: Search) -> AsyncIterator[str]:
    """Yield the lines of a search; a client that hangs up ends it before its next step."""
    try:
        async for line in iterate_in_threadpool(lines_of(search)):
            yield line
    finally:
        search.close()


async def _body(request: Request) -> bytes:
    """Return the body; refuse it before it takes more memory than the largest message."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_MESSAGE_BYTES:
            raise HTTPException(413, f"More than {MAX_MESSAGE_BYTES} bytes. Send a smaller window of the image.")
    return bytes(body)


def _json(body: bytes) -> dict[str, Any]:
    try:
        question = json.loads(body)
    except ValueError as error:
        raise HTTPException(422, f"The question is not JSON: {error}.") from error
    if not isinstance(question, dict):
        raise HTTPException(422, "The question is not a JSON object with a key and prompts.")
    return question


async def _nonsense(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=422)


async def _refusal(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # registered for nothing else
    return JSONResponse({"error": error.detail}, status_code=error.status_code)
