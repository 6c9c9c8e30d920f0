"""SAM 2.1 in this process: the official `sam2` package, with embeddings that are kept and clicks that go first."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from seg_app.errors import SegmenterError
from seg_app.records import Prompts
from seg_app.sam.automask import search
from seg_app.sam.cache import Cache, CacheLimits, ContentKeys, Recent
from seg_app.sam.clicks import Question, answers, fitted
from seg_app.sam.compiling import compile_encoder
from seg_app.sam.cores import CORES, cores_to_decode, on_cores
from seg_app.sam.crops import crops_of
from seg_app.sam.decoding import SharedImage
from seg_app.sam.devices import Device
from seg_app.sam.loading import device_of, first_line, load, model_key
from seg_app.sam.pointing import WindowDecoder
from seg_app.sam.precision import precision_of
from seg_app.sam.propagate import propagate
from seg_app.sam.protocol import EVERYTHING, Load
from seg_app.sam.question import check_image, check_masks, check_prompts
from seg_app.sam.scheduler import Priority, Scheduler, SupersededError
from seg_app.sam.stopwatch import Stopwatch
from seg_app.sam.together import Together

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from seg_app.records import Point
    from seg_app.sam.autooptions import AutoOptions
    from seg_app.sam.checkpoints import Checkpoint
    from seg_app.sam.diskcache import Arrays
    from seg_app.sam.followed import Planes, Propagation
    from seg_app.sam.protocol import Candidate, Search, Trace


CLICKS_AT_ONCE = {"cpu": 4}
"""Clicks on one window that a CPU answers in one turn: more would let the first one wait, and take no less time."""
MANY_CLICKS = 16
WINDOWS_CLICKED = 2
"""Windows of which the decoder's side is kept, too: about twice as much as the embedding, and a fifth of a click."""
QUICK_S = 0.25
"""Images that are encoded in less are encoded for a preview, too: a click that comes then hardly has to wait."""
READING_S = 12e-9
"""For each number of an embedding that is read from disk, checked and brought to the device: 50 ms for a window of the
official models. An H200 encodes it in 19 ms."""


@dataclass(frozen=True)
class _Embedding:
    """What the image encoder made of a window; with the official models 16 MiB on the device."""

    features: dict[str, Any]
    shape: tuple[int, int]

    @property
    def tensors(self) -> list[torch.Tensor]:
        """The feature maps, the one that the decoder begins with last."""
        return [*self.features["high_res_feats"], self.features["image_embed"]]

    @property
    def nbytes(self) -> int:
        """Bytes on the device."""
        return sum(tensor.nbytes for tensor in self.tensors)


class Sam2Segmenter:
    """SAM 2.1 on a device of this machine.

    What several threads ask for takes turns on the device, clicks first. A window that was embedded is not encoded
    again while it is in memory or on disk.
    """

    def __init__(
        self, checkpoint: Checkpoint, *, device: str | Device = "auto", cache: CacheLimits | None = None
    ) -> None:
        """Load a checkpoint. device: 'auto' (the best there is), 'cuda', 'mps', 'cpu'. cache: None is memory only.

        Raises SegmenterError when the device, the checkpoint or its configuration cannot be used.
        """
        wanted = Device.of(device)
        self._device = device_of(wanted.name)
        self._predictor = load(checkpoint, self._device)
        self._cores = cores_to_decode(self._device, self.input_size)
        self._precision = precision_of(self._device, may_be_half=wanted.may_be_half)
        self._model_key = model_key(checkpoint, self._precision)
        self._embeddings: Cache[_Embedding] = Cache(
            cache or CacheLimits(),
            weigh=lambda embedding: embedding.nbytes,
            pack=self._packed,
            unpack=self._unpacked,
            is_slow=lambda: self._encoding.last_s > self._reading_s,
        )
        self._clicked: Recent[SharedImage] = Recent(WINDOWS_CLICKED)
        self._content_keys = ContentKeys()
        self._scheduler = Scheduler()
        most = CLICKS_AT_ONCE.get(self._device.type, MANY_CLICKS)
        self._clicks: Together[Question, Callable[[], list[Candidate]]] = Together(
            most, turn=partial(self._using_device, Priority.CLICK)
        )
        self._encoding, self._reading_s = Stopwatch(self._device), 0.0
        self._title = checkpoint.title
        self._computes = [str(self._precision)]
        if wanted.is_compiled:
            why_not = compile_encoder(self._predictor.model, self._try_out)
            self._computes.append(f"not compiled: {why_not}" if why_not else "compiled")

    @property
    def name(self) -> str:
        """The model and the device, e.g. 'SAM 2.1 tiny · cuda'."""
        return f"{self._title} · {self._device.type}"

    @property
    def input_size(self) -> int:
        """Edge in pixels of what the model sees, 1024 for the official ones: larger images are shrunk to it."""
        return int(self._predictor.model.image_size)

    @property
    def load(self) -> Load:
        """What waits for the device, and what is kept on it."""
        waiting = tuple(priority.name.lower() for priority in self._scheduler.waiting)
        is_counted = self._device.type == "cuda"
        device_bytes = torch.cuda.memory_allocated(self._device) if is_counted else None
        return Load(waiting, self._embeddings.memory_bytes, device_bytes, tuple(self._computes))

    def embed(self, image: NDArray[np.uint8], *, client: str = "") -> None:
        """Encode a (rows, columns, 3) uint8 image, unless it is kept, after all clicks. Raises SegmenterError.

        client: see `Segmenter`.
        """
        check_image(image)
        key = self._key(image)
        if self._kept(key) is None:
            with suppress(SupersededError), self._using_device(Priority.PREFETCH, client=client):
                self._embedding(key, image)

    def predict(
        self,
        image: NDArray[np.uint8],
        prompts: Prompts,
        *,
        previous: Trace | None = None,
        mask: NDArray[np.floating] | None = None,
    ) -> list[Candidate]:
        """Return three candidates for a single point, one for several prompts, best score first.

        A grid is that of the model: (rows, columns) float32 logits, 256 × 256 with the official ones. A trace is the
        same, clipped as the package does it; a mask of that shape is used as it is, as the package's `mask_input`.
        Questions of one kind on one window that wait together are answered together.
        Raises SegmenterError.
        """
        check_image(image)
        check_prompts(prompts, image.shape, mask)
        key = self._key(image)
        self._kept(key)  # what is on disk is read before the device has to wait for it
        question = Question(prompts, self._mask_input(previous) if mask is None else fitted(mask, self._grid))
        answer = self._clicks.ask(f"{key} {question.kind}", question, partial(self._answers, key, image))
        with self._explaining():
            return answer()

    def preview(self, image: NDArray[np.uint8], point: Point, *, client: str = "") -> list[Candidate]:
        """Return three candidates for a point, best score first; [] where the image has to be encoded first.

        client: see `Segmenter`. Raises SegmenterError.
        """
        check_image(image)
        prompts = Prompts((point,))
        check_prompts(prompts, image.shape)
        key = self._key(image)
        if self._kept(key) is None and self._encoding.last_s > QUICK_S:
            return []
        with suppress(SupersededError), self._using_device(Priority.HOVER, client=client):
            return self._answers(key, image, [Question(prompts)])[0]()
        return []

    def _answers(
        self, key: str, image: NDArray[np.uint8], questions: list[Question]
    ) -> list[Callable[[], list[Candidate]]]:
        """Return what returns the candidates for each question, see `answers`. Within a turn."""
        embedding = self._embedding(key, image)
        return answers(self._predictor.model, self._shared(key, embedding), embedding.shape, questions)

    def _shared(self, key: str, embedding: _Embedding) -> SharedImage:
        shared = self._clicked.find(key) or SharedImage(self._predictor.model, embedding.features)
        self._clicked.keep(key, shared)
        return shared

    @property
    def _grid(self) -> tuple[int, int]:
        """Rows and columns of the masks that the model takes and gives."""
        rows, columns = self._predictor.model.sam_prompt_encoder.mask_input_size
        return rows, columns

    def _mask_input(self, previous: Trace | None) -> NDArray[np.float32] | None:
        """Return a trace as the model takes it, None for what is no trace of this model."""
        return previous if isinstance(previous, np.ndarray) and previous.shape == self._grid else None

    def automask(self, image: NDArray[np.uint8], options: AutoOptions = EVERYTHING) -> Search:
        """Return a search for all objects, see `Segmenter`: the masks of the package's own generator, sooner.

        It lets go of the device between a few points and the next. Raises SegmenterError.
        """
        check_image(image)
        return search(image, crops_of(image, options, size=self.input_size), options, open_window=self._decoder_of)

    def propagate(self, planes: Planes, start: int, masks: Mapping[int, NDArray[np.bool_]]) -> Propagation:
        """Return what becomes of objects before and after the plane that they are given on, see `Follower`.

        Until an object has ended, see `seg_app.sam.endings`, its masks are those of the package's video predictor
        before that fills small holes. It lets go of the device between one object and the next. Raises SegmenterError.
        """
        check_masks(masks, start, len(planes))
        turn = partial(self._using_device, Priority.PROPAGATE)
        return propagate(self._predictor, planes, start, masks, turn=turn)

    def _decoder_of(self, window: NDArray[np.uint8]) -> WindowDecoder:
        key, turn = self._key(window), partial(self._using_device, Priority.AUTOMASK)
        self._kept(key)
        with turn():
            embedding = self._embedding(key, window)
        return WindowDecoder(self._predictor.model, embedding.features, embedding.shape, turn=turn)

    def close(self) -> None:
        """Forget the windows in memory, give it back to the device, and wait for what is on its way to the disk."""
        self._embeddings.flush()
        with self._scheduler.turn(Priority.CLICK):
            self._embeddings.clear()
            self._clicked.clear()
            self._predictor.reset_predictor()
            if self._device.type == "cuda":
                torch.cuda.empty_cache()

    @contextmanager
    def _using_device(self, priority: Priority, *, client: str = "") -> Iterator[None]:
        """Wait for a turn on the device; turn what the model raises into SegmenterError. Not within another turn."""
        turn, precision = self._scheduler.turn(priority, client=client), self._precision.within()
        with self._explaining(), turn, torch.inference_mode(), precision, on_cores(self._cores):
            yield

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            raise SegmenterError(
                f"{self.name} failed: {first_line(error)}. "
                "When the device is out of memory, use a smaller model or device='cpu'."
            ) from error

    def _key(self, image: NDArray[np.uint8]) -> str:
        return hashlib.blake2b(f"{self._model_key} {self._content_keys.of(image)}".encode(), digest_size=16).hexdigest()

    def _kept(self, key: str) -> _Embedding | None:
        with self._explaining():
            return self._embeddings.find(key)

    def _embedding(self, key: str, image: NDArray[np.uint8]) -> _Embedding:
        # always within a turn: who waited for another's encoding while it has the device would wait for ever
        return self._embeddings.get(key, lambda: self._encode(image))

    def _encode(self, image: NDArray[np.uint8]) -> _Embedding:
        with on_cores(CORES), self._encoding.running():
            # torch warns of arrays that cannot be written to
            self._predictor.set_image(image if image.flags.writeable else image.copy())
        # private names of the package: it has no other way to go back to an earlier image
        features: Any = self._predictor._features  # noqa: SLF001
        embedding = _Embedding(features, (image.shape[0], image.shape[1]))
        self._reading_s = READING_S * sum(tensor.numel() for tensor in embedding.tensors)
        return embedding

    def _try_out(self) -> None:
        with self._using_device(Priority.PREFETCH):
            self._encode(np.zeros((self.input_size, self.input_size, 3), np.uint8))

    def _packed(self, embedding: _Embedding) -> Arrays:
        # in a turn of its own: the click that it was encoded for is answered first
        with self._using_device(Priority.PREFETCH):
            # in single precision: half of it turns pixels at the edge of masks
            maps = {f"map_{i}": tensor.float().cpu().numpy() for i, tensor in enumerate(embedding.tensors)}
        types = [str(tensor.dtype).removeprefix("torch.") for tensor in embedding.tensors]
        return {**maps, "types": np.array(types), "shape": np.array(embedding.shape)}

    def _unpacked(self, arrays: Arrays) -> _Embedding:
        types, shape = arrays["types"].tolist(), arrays["shape"].tolist()
        tensors = [
            torch.from_numpy(arrays[f"map_{i}"]).to(self._device, getattr(torch, name)) for i, name in enumerate(types)
        ]
        return _Embedding({"high_res_feats": tensors[:-1], "image_embed": tensors[-1]}, (shape[0], shape[1]))
