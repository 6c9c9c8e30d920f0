"""A segmenter on another machine, asked over HTTP; see `seg_app.sam.server` for what is said."""

from __future__ import annotations

import ipaddress
import logging
from contextlib import closing
from typing import TYPE_CHECKING, Any

import httpx
from tenacity import (
    Retrying,
    before_sleep_log,
    retry_if_exception,
    retry_if_result,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

from seg_app.errors import AwayError, SegmenterError
from seg_app.records import Prompts
from seg_app.sam.autooptions import options_to_json
from seg_app.sam.autowire import progress_of
from seg_app.sam.cache import ContentKeys
from seg_app.sam.following import followed
from seg_app.sam.protocol import EVERYTHING
from seg_app.sam.question import check_image, check_masks, check_prompts
from seg_app.sam.wire import mask_to_json, pack_image, prompts_to_json, unpack_candidates

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from seg_app.records import Point
    from seg_app.sam.autooptions import AutoOptions
    from seg_app.sam.followed import Planes, Propagation
    from seg_app.sam.protocol import Candidate, Search, Trace

log = logging.getLogger(__name__)
ATTEMPTS = 2
"""A kept connection that the other side has closed is no reason to give up, however little patience there is."""
WAIT_S, LONGEST_WAIT_S = 0.1, 1.0
UPLOADS = 2
CONNECT_TIMEOUT_S = 5.0
PREVIEW_TIMEOUT_S = 5.0
GREETING_TIMEOUT_S = 3.0
UNAVAILABLE = (httpx.codes.NOT_FOUND, httpx.codes.SERVICE_UNAVAILABLE)
"""What keeps a preview from being shown, and nobody has to know: no such image (any more), no place free."""
PATIENCE_S = 5.0
"""A server of the bundled model is there again in this time."""


class RemoteSegmenter:
    """A SAM server. Every image travels once while the server keeps it; then clicks are small."""

    def __init__(
        self, url: str, *, token: str | None = None, timeout_s: float = 120.0, patience_s: float = PATIENCE_S
    ) -> None:
        """Greet the server at 'http://host:port'. timeout_s: how long it may take to answer.

        patience_s: how long it is asked again, once it has been there, when it is full or being started anew.

        A user and password in the address are left out: a token is what the server asks for.
        Raises SegmenterError when none answers, or it does not accept the token.
        """
        self._url = _without_credentials(url)
        self._patience_s, self._keys = 0.0, ContentKeys()
        self._http = httpx.Client(
            base_url=self._url,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=httpx.Timeout(timeout_s, connect=CONNECT_TIMEOUT_S),
            # a proxy is for the world outside; it can not know what listens on this machine
            trust_env=not _is_loopback(self._url),
        )
        try:
            self._health = self._read_health(self._sent("GET", "/health"))
        except SegmenterError:
            self._http.close()
            raise
        self._patience_s = patience_s

    @property
    def name(self) -> str:
        """What the server calls its segmenter."""
        return str(self._health["name"])

    @property
    def input_size(self) -> int:
        """Edge in pixels of the square image that suits the server's segmenter best."""
        return int(self._health["input_size"])

    @property
    def can_follow(self) -> bool:
        """Whether the server's segmenter follows objects through planes, as far as it says."""
        return bool(self._health["follows"])

    def is_there(self) -> bool:
        """Say whether the server answers now; hear anew what it has, as somebody may have started another model."""
        try:
            self._health = self._read_health(self._http.get("/health", timeout=GREETING_TIMEOUT_S))
        except (httpx.HTTPError, SegmenterError):
            return False
        return True

    def embed(self, image: NDArray[np.uint8], *, client: str = "") -> None:
        """Send a (rows, columns, 3) uint8 image and let the server encode it. Raises SegmenterError.

        client: see `Segmenter`.
        """
        check_image(image)
        self._ask("/embed", image, {"client": client})

    def predict(
        self,
        image: NDArray[np.uint8],
        prompts: Prompts,
        *,
        previous: Trace | None = None,
        mask: NDArray[np.floating] | None = None,
    ) -> list[Candidate]:
        """Return the server's candidates, best score first; logits in half precision, -8 far outside.

        A trace is a name under which the server keeps it for a while; one that it let go changes nothing. A mask is
        sent in half precision.
        Raises AwayError when the server does not answer, SegmenterError when it says that the question makes no sense.
        """
        check_image(image)
        check_prompts(prompts, image.shape, mask)
        question = {
            "prompts": prompts_to_json(prompts),
            "previous": previous if isinstance(previous, str) else None,
            "mask": None if mask is None else mask_to_json(mask),
        }
        return self._fitting(unpack_candidates(self._ask("/predict", image, question)), image)

    def preview(self, image: NDArray[np.uint8], point: Point, *, client: str = "") -> list[Candidate]:
        """Return the server's preview, see `Segmenter`; [] also where it lacks the image, is full or does not answer.

        Raises SegmenterError when the server says that the question makes no sense.
        """
        check_image(image)
        check_prompts(prompts := Prompts((point,)), image.shape)
        question = {"key": self._keys.of(image), "prompts": prompts_to_json(prompts), "client": client}
        try:
            answer = self._http.post("/preview", json=question, timeout=PREVIEW_TIMEOUT_S)
        except httpx.TransportError:  # nobody has asked for it: the next click says what is wrong
            return []
        if answer.status_code in UNAVAILABLE:
            return []
        if not answer.is_success:
            raise SegmenterError(f"The SAM server at {self._url} refuses: {_reason(answer)}")
        return self._fitting(unpack_candidates(answer.content), image)

    def _fitting(self, candidates: list[Candidate], image: NDArray[np.uint8]) -> list[Candidate]:
        if any(candidate.shape != image.shape[:2] for candidate in candidates):
            raise SegmenterError(
                f"The SAM server at {self._url} answers about an image of another size. "
                "Use the same version of seg-app there and here."
            )
        return candidates

    def automask(self, image: NDArray[np.uint8], options: AutoOptions = EVERYTHING) -> Search:
        """Return the server's search for all objects, see `Segmenter`; closing it hangs up, which ends the search.

        The image is sent at the first step. Raises SegmenterError, at once when the image is of the wrong kind.
        """
        check_image(image)
        question = {"key": self._keys.of(image), "options": options_to_json(options)}
        return self._searched(image, question)

    def propagate(self, planes: Planes, start: int, masks: Mapping[int, NDArray[np.bool_]]) -> Propagation:
        """Return what the server finds of objects on other planes, see `Follower`; logits as those of `predict`.

        Each plane is a question of its own. A server that was started anew looks at all planes so far once more.
        Raises SegmenterError.
        """
        check_masks(masks, start, len(planes))
        return followed(planes, start, masks, ask=self._asked_of_planes, send=self._put)

    def _asked_of_planes(self, question: dict[str, Any]) -> bytes | None:
        answer = self._sent("POST", "/propagate", json=question, may_miss=True)
        return answer.content if answer.is_success else None

    def _searched(self, image: NDArray[np.uint8], question: dict[str, Any]) -> Search:
        try:
            with closing(self._answer("/automask", image, question, is_streamed=True)) as answer:
                yield from progress_of(answer.iter_lines())
        except httpx.TransportError as error:
            raise AwayError(
                f"The SAM server at {self._url} stopped answering during the search: {error}. Search again."
            ) from error

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _read_health(self, answer: httpx.Response) -> dict[str, Any]:
        try:
            health = answer.json()
            told = {"name": str(health["name"]), "input_size": int(health["input_size"])}
            return {**told, "follows": health.get("follows", True)}
        except (ValueError, KeyError, TypeError) as error:
            raise SegmenterError(f"What answers at {self._url} is no SAM server. Check BACKEND_URL.") from error

    def _ask(self, path: str, image: NDArray[np.uint8], question: dict[str, Any]) -> bytes:
        return self._answer(path, image, question).content

    def _answer(
        self, path: str, image: NDArray[np.uint8], question: dict[str, Any], *, is_streamed: bool = False
    ) -> httpx.Response:
        """Return the answer to a question about an image, which is sent if the server does not have it."""
        asked = {"json": {"key": self._keys.of(image), **question}, "is_streamed": is_streamed}
        for _ in range(UPLOADS):
            answer = self._sent("POST", path, may_miss=True, **asked)
            if answer.is_success:
                return answer
            # it was never there, or was let go, or the server was started anew in between
            self._put(image)
        return self._sent("POST", path, **asked)

    def _put(self, image: NDArray[np.uint8]) -> None:
        self._sent("PUT", f"/images/{self._keys.of(image)}", content=pack_image(image))

    def _sent(self, method: str, path: str, *, may_miss: bool = False, **content: Any) -> httpx.Response:
        answer = self._delivered(method, path, **content)
        if answer.is_success or (may_miss and answer.status_code == httpx.codes.NOT_FOUND):
            return answer
        raise SegmenterError(f"The SAM server at {self._url} refuses: {_reason(answer)}")

    def _delivered(self, method: str, path: str, **content: Any) -> httpx.Response:
        """Return the answer, asked for again for a while when the server is full or does not answer."""
        retrying = Retrying(
            stop=stop_after_delay(self._patience_s) & stop_after_attempt(ATTEMPTS),
            wait=wait_random_exponential(multiplier=WAIT_S, max=LONGEST_WAIT_S),
            retry=retry_if_exception(_may_pass) | retry_if_result(_is_full),
            before_sleep=before_sleep_log(log, logging.INFO),
            # the last answer or error, as it is
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        )
        try:
            return retrying(self._request, method, path, **content)
        except (httpx.ReadTimeout, httpx.WriteTimeout, httpx.PoolTimeout) as error:
            raise SegmenterError(
                f"The SAM server at {self._url} takes longer than {self._http.timeout.read:g} s. "
                "Try again, or use a smaller model."
            ) from error
        except httpx.TransportError as error:
            raise AwayError(
                f"No SAM server answers at {self._url}. "
                f"Start it with seg-app sam --port {self._port()}, or unset BACKEND_URL."
            ) from error

    def _request(self, method: str, path: str, *, is_streamed: bool = False, **content: Any) -> httpx.Response:
        answer = self._http.send(self._http.build_request(method, path, **content), stream=is_streamed)
        if not answer.is_success:
            answer.read()  # why
        return answer

    def _port(self) -> int:
        return httpx.URL(self._url).port or 8001


def _without_credentials(url: str) -> str:
    """Return an address without user, password and last slash, so that no message shows them."""
    try:
        address = httpx.URL(url.strip())
    except httpx.InvalidURL as error:
        raise SegmenterError("BACKEND_URL is no address. Write it as http://host:8001.") from error
    if address.scheme not in ("http", "https") or not address.host:
        raise SegmenterError("BACKEND_URL must begin with http:// or https://, as in http://host:8001.")
    return str(address.copy_with(username=None, password=None)).rstrip("/")


def _reason(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        return f"{answer.status_code} {answer.reason_phrase}."


def _may_pass(error: BaseException) -> bool:
    """Say whether asking again may help: a kept connection was closed, or the server is being started anew."""
    return isinstance(error, httpx.TransportError) and not isinstance(error, httpx.TimeoutException)


def _is_full(answer: httpx.Response) -> bool:
    return answer.status_code == httpx.codes.SERVICE_UNAVAILABLE


def _is_loopback(url: str) -> bool:
    host = httpx.URL(url).host
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
