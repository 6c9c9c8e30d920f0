"""A segmenter as a service over HTTP, so that the model can run where the GPU is.

| request | body | answer |
|---|---|---|
| GET /health | | JSON: name, input_size, and follows: whether it follows objects through planes |
| PUT /images/{key} | message of one image | 204 |
| POST /embed | JSON: key, and client: who asks (optional) | 204 |
| POST /predict | JSON: key, prompts; optional: previous, the trace that they correct; mask | message of candidates |
| POST /preview | JSON: key, client, and prompts: one point | message of candidates; of none where it takes long |
| POST /propagate | JSON: keys of the planes so far, planes, masks: see `followwire` | message of what is on the last |
| POST /automask | JSON: key, options | lines of JSON, one for each step: see `autowire`. Hanging up ends the search |
| GET /status | | a page, or JSON: clients, images, cache, queue, memory of the device |
| DELETE /cache | | 204; images and embeddings are let go |
| GET /openapi.json, /docs | | this table for machines, and as a page |

Errors are JSON `{"error": …}`: 401 wrong token, 404 the image of this key is not here (any more): send it,
413 too large, 422 the question makes no sense, 503 full: ask again in a moment. The key of an image is the hash of its
content. A mask is the base64 text of a message of one (rows, columns) array of float16.
"""

from __future__ import annotations

import re
import uuid
import weakref
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from seg_app.errors import SegmenterError
from seg_app.sam.admission import Places, Visitors, body_of, check_token, question_of
from seg_app.sam.autooptions import options_from_json
from seg_app.sam.autowire import lines_of
from seg_app.sam.cache import Recent, content_key
from seg_app.sam.followed import can_follow
from seg_app.sam.following import Following
from seg_app.sam.followwire import pack_followed, way_from_json
from seg_app.sam.openapi import document
from seg_app.sam.pages import docs_page, status_page
from seg_app.sam.protocol import Busy
from seg_app.sam.wire import mask_from_json, pack_candidates, prompts_from_json, unpack_image

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    import numpy as np
    from numpy.typing import NDArray
    from starlette.requests import Request

    from seg_app.sam.diskcache import DiskCache
    from seg_app.sam.protocol import Search, Segmenter, Trace

IMAGE_KEY = re.compile("[0-9a-f]{32}")
"""Nothing else is looked for on disk: a key comes from anybody, and must not be a path."""
KEPT_IMAGE_BYTES = 2**30
"""About 340 windows of 1024 × 1024 pixels."""
KEPT_TRACES = 256
"""Of 256 KiB each with the official models; a click leaves one to three."""
QUESTIONS_AT_ONCE = 64
PREVIEWS_AT_ONCE = 8
"""With places of their own: those who only look take none from those who click."""
SEARCHES_AT_ONCE = 8
FOLLOWED_AT_ONCE = 8
REASON_CHARACTERS = 2000


def create_app(segmenter: Segmenter, *, token: str | None = None, shared: DiskCache | None = None) -> Starlette:
    """Return the web application that answers for a segmenter.

    token: what clients must know, None for anybody. shared: where images that were sent to one of several servers are
    found by the others; None: each asks for its own.
    """
    service = _Service(segmenter, token, shared)
    app = Starlette(
        routes=[
            Route("/health", service.health),
            Route("/status", service.status),
            Route("/images/{key}", service.put_image, methods=["PUT"]),
            Route("/embed", service.embed, methods=["POST"]),
            Route("/predict", service.predict, methods=["POST"]),
            Route("/preview", service.preview, methods=["POST"]),
            Route("/automask", service.automask, methods=["POST"]),
            Route("/propagate", service.propagate, methods=["POST"]),
            Route("/cache", service.free, methods=["DELETE"]),
            Route("/openapi.json", service.openapi),
            Route("/docs", service.docs),
        ],
        exception_handlers={SegmenterError: _nonsense, HTTPException: _refusal},
    )
    app.router.redirect_slashes = False  # a key that ends in a slash is none: the answer says so
    return app


def serve(app: Starlette, *, host: str = "127.0.0.1", port: int = 8001) -> None:
    """Answer for a segmenter until the process is told to stop. app: see `create_app`."""
    uvicorn.run(app, host=host, port=port)


class _Service:
    def __init__(self, segmenter: Segmenter, token: str | None, shared: DiskCache | None) -> None:
        self._segmenter = segmenter
        self._token = token
        self._shared = shared
        self._images: Recent[NDArray[np.uint8]] = Recent(KEPT_IMAGE_BYTES, weigh=lambda image: image.nbytes)
        self._traces: Recent[Trace] = Recent(KEPT_TRACES)
        self._visitors = Visitors()
        self._questions = Places(QUESTIONS_AT_ONCE, what="questions")
        self._previews = Places(PREVIEWS_AT_ONCE, what="previews")
        self._following, self._followed = Following(segmenter), Places(FOLLOWED_AT_ONCE, what="volumes")
        # weakly: one whose answer never began is nowhere else
        self._searches: weakref.WeakSet[Search] = weakref.WeakSet()

    async def health(self, request: Request) -> Response:
        self._admit(request)
        segmenter = self._segmenter
        told = {"name": segmenter.name, "input_size": segmenter.input_size, "follows": can_follow(segmenter)}
        return JSONResponse(told)

    async def status(self, request: Request) -> Response:
        self._admit(request)
        status = self._status()
        wants_page = "text/html" in request.headers.get("accept", "")
        return HTMLResponse(status_page(status)) if wants_page else JSONResponse(status)

    async def openapi(self, request: Request) -> Response:
        self._admit(request)
        return JSONResponse(document(self._segmenter.name))

    async def docs(self, request: Request) -> Response:
        self._admit(request)
        return HTMLResponse(docs_page(document(self._segmenter.name)))

    async def free(self, request: Request) -> Response:
        self._admit(request)
        self._images.clear()
        self._traces.clear()
        self._following.clear()
        await run_in_threadpool(self._segmenter.close)
        return Response(status_code=204)

    async def put_image(self, request: Request) -> Response:
        self._admit(request)
        with self._questions.one():
            body = await body_of(request)
            await run_in_threadpool(self._keep, request.path_params["key"], body)
        return Response(status_code=204)

    async def embed(self, request: Request) -> Response:
        self._admit(request)
        with self._questions.one():
            await run_in_threadpool(self._embed, await question_of(request))
        return Response(status_code=204)

    async def predict(self, request: Request) -> Response:
        self._admit(request)
        with self._questions.one():
            message = await run_in_threadpool(self._answer, await question_of(request))
        return Response(message, media_type="application/octet-stream")

    async def preview(self, request: Request) -> Response:
        self._admit(request)
        with self._previews.one():
            message = await run_in_threadpool(self._preview, await question_of(request))
        return Response(message, media_type="application/octet-stream")

    async def automask(self, request: Request) -> Response:
        self._admit(request)
        question = await question_of(request)
        room = Places(SEARCHES_AT_ONCE, what="searches")
        room.taken = len(self._searches)
        room.check()
        # what makes no sense is refused here, while there still is a status to say so
        search = await run_in_threadpool(self._search, question)
        self._searches.add(search)
        return StreamingResponse(self._stepped(search), media_type="application/x-ndjson")

    async def propagate(self, request: Request) -> Response:
        self._admit(request)
        with self._followed.one():
            message = await run_in_threadpool(self._look, await question_of(request))
        return Response(message, media_type="application/octet-stream")

    async def _stepped(self, search: Search) -> AsyncIterator[str]:
        """Yield the lines of a search; a client that hangs up ends it before its next step."""
        try:
            async for line in iterate_in_threadpool(lines_of(search)):
                yield line
        finally:
            self._searches.discard(search)
            search.close()

    def _admit(self, request: Request) -> None:
        check_token(request, self._token)
        self._visitors.note(request)

    def _status(self) -> dict[str, Any]:
        """Return what the server holds and has to do, as JSON values."""
        held = {
            "images": len(self._images),
            "image_bytes": self._images.weight,
            "traces": len(self._traces),
            "questions": self._questions.taken,
            "searches": len(self._searches),
            "followed": len(self._following),
        }
        load = asdict(self._segmenter.load) if isinstance(self._segmenter, Busy) else {}
        told = {name: list(value) if isinstance(value, tuple) else value for name, value in load.items()}
        return {"name": self._segmenter.name, **held, **told, "clients": self._visitors.told()}

    def _keep(self, key: str, message: bytes) -> None:
        image = unpack_image(message)
        if content_key(image) != key:
            raise SegmenterError(f"The image is not the one that '{key}' names. Send it again.")
        self._keep_here(key, image)
        if self._shared:
            # before the answer: the next question may go to another server
            self._shared.keep(key, {"image": image})

    def _image(self, key: object) -> NDArray[np.uint8]:
        key = str(key)
        image = self._images.find(key)
        if image is None:
            image = self._found(key)
        if image is None:
            raise HTTPException(404, f"There is no image '{key}' here (any more). Send it again.")
        return image

    def _found(self, key: str) -> NDArray[np.uint8] | None:
        """Return an image that was sent to another server; None where it was not, or is no longer there."""
        arrays = self._shared.find(key) if self._shared and IMAGE_KEY.fullmatch(key) else None
        if arrays is None:
            return None
        return self._keep_here(key, arrays["image"])

    def _keep_here(self, key: str, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        # of its own and read-only, so that the segmenter needs to hash it only once
        image = image if image.base is None else image.copy()
        image.flags.writeable = False
        self._images.keep(key, image)
        return image

    def _embed(self, question: dict[str, Any]) -> None:
        self._segmenter.embed(self._image(question.get("key")), client=str(question.get("client", "")))

    def _answer(self, question: dict[str, Any]) -> bytes:
        prompts = prompts_from_json(question.get("prompts"))
        previous = self._traces.find(str(question.get("previous")))
        mask = mask_from_json(question.get("mask"))
        candidates = self._segmenter.predict(self._image(question.get("key")), prompts, previous=previous, mask=mask)
        return pack_candidates([replace(candidate, trace=self._named(candidate.trace)) for candidate in candidates])

    def _preview(self, question: dict[str, Any]) -> bytes:
        prompts, client = prompts_from_json(question.get("prompts")), str(question.get("client", ""))
        if len(prompts.points) != 1 or prompts.box:
            raise SegmenterError(f"A preview is of one point, not of {prompts}.")
        found = self._segmenter.preview(self._image(question.get("key")), prompts.points[0], client=client)
        return pack_candidates([replace(candidate, trace=None) for candidate in found])

    def _look(self, question: dict[str, Any]) -> bytes:
        return pack_followed(self._following.look(way_from_json(question), self._image))

    def _named(self, trace: Trace | None) -> str | None:
        """Keep a trace, and return the name that a client calls it by."""
        if trace is None:
            return None
        name = uuid.uuid4().hex
        self._traces.keep(name, trace)
        return name

    def _search(self, question: dict[str, Any]) -> Search:
        options = options_from_json(question.get("options") or {})
        return self._segmenter.automask(self._image(question.get("key")), options)


async def _nonsense(_request: Request, error: Exception) -> Response:
    return _reason(str(error), status=422)


async def _refusal(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # registered for nothing else
    return _reason(error.detail, status=error.status_code, headers=error.headers)


def _reason(text: str, *, status: int, headers: Mapping[str, str] | None = None) -> Response:
    # a question may hold half of a surrogate pair, which cannot be sent back
    clean = text[:REASON_CHARACTERS].encode(errors="replace").decode()
    return JSONResponse({"error": clean}, status_code=status, headers=headers)
