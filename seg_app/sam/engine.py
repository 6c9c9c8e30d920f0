"""SAM 2.1 in this process: the official `sam2` package, with embeddings that are kept and clicks that go first."""

from __future__ import annotations

import hashlib
import pickle
import struct
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from seg_app.errors import SegmenterError
from seg_app.sam.automask import search
from seg_app.sam.cache import Cache, CacheLimits, ContentKeys
from seg_app.sam.compat import ensure_torchvision
from seg_app.sam.configs import hydra_config
from seg_app.sam.crops import crops_of
from seg_app.sam.decoding import WindowDecoder
from seg_app.sam.protocol import EVERYTHING, Candidate
from seg_app.sam.question import check_image, check_prompts
from seg_app.sam.scheduler import Priority, Scheduler, SupersededError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from sam2.sam2_image_predictor import SAM2ImagePredictor

    from seg_app.records import Prompts
    from seg_app.sam.autooptions import AutoOptions
    from seg_app.sam.checkpoints import Checkpoint
    from seg_app.sam.diskcache import Arrays
    from seg_app.sam.protocol import Search

PREPROCESSING = 1
"""To be raised when an image is prepared for the encoder in another way: what is on disk is of no use then."""
FEATURE_STRIDES = 4, 8, 16
"""How many input pixels wide a pixel of each feature map of the image encoder is, finest first."""
COARSEST_STRIDE = 32
"""The last stage of Hiera halves once more; the neck adds it to the one before, which takes whole numbers."""

UNREADABLE = (
    *(pickle.UnpicklingError, EOFError, OSError, RuntimeError),
    # what the unpickler stumbles over in damaged bytes
    *(ValueError, LookupError, TypeError, AttributeError, struct.error),
)


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

    def __init__(self, checkpoint: Checkpoint, *, device: str = "auto", cache: CacheLimits | None = None) -> None:
        """Load a checkpoint. device: 'auto' (the best there is), 'cuda', 'mps', 'cpu'. cache: None is memory only.

        Raises SegmenterError when the device, the checkpoint or its configuration cannot be used.
        """
        self._device = device_of(device)
        self._predictor = _load(checkpoint, self._device)
        self._model_key = _model_key(checkpoint, self._device)
        self._embeddings: Cache[_Embedding] = Cache(
            cache or CacheLimits(), weigh=lambda embedding: embedding.nbytes, pack=self._packed, unpack=self._unpacked
        )
        self._content_keys = ContentKeys()
        self._scheduler = Scheduler()
        self._title = checkpoint.title

    @property
    def name(self) -> str:
        """The model and the device, e.g. 'SAM 2.1 tiny · cuda'."""
        return f"{self._title} · {self._device.type}"

    @property
    def input_size(self) -> int:
        """Edge in pixels of what the model sees, 1024 for the official ones: larger images are shrunk to it."""
        return int(self._predictor.model.image_size)

    def embed(self, image: NDArray[np.uint8], *, client: str = "") -> None:
        """Encode a (rows, columns, 3) uint8 image, unless it is kept, after all clicks. Raises SegmenterError.

        client: see `Segmenter`.
        """
        check_image(image)
        key = self._key(image)
        if self._kept(key) is None:
            with suppress(SupersededError), self._using_device(Priority.PREFETCH, client=client):
                self._embedding(key, image)

    def predict(self, image: NDArray[np.uint8], prompts: Prompts) -> list[Candidate]:
        """Return three candidates for a single point, one for several prompts, best score first.

        The logits are those of the model, enlarged to the image (bilinear). Raises SegmenterError.
        """
        check_image(image)
        check_prompts(prompts, image.shape)
        key = self._key(image)
        self._kept(key)  # what is on disk is read before the device has to wait for it
        with self._using_device(Priority.CLICK):
            self._recall(self._embedding(key, image))
            logits, scores, _ = self._predictor.predict(
                **_arrays(prompts),
                # one click may mean a part or the whole; several prompts mean one thing
                multimask_output=len(prompts.points) == 1 and prompts.box is None,
                return_logits=True,
            )
        best_first = np.argsort(-scores, kind="stable")
        return [Candidate(logits[i], float(np.clip(scores[i], 0.0, 1.0))) for i in best_first]

    def automask(self, image: NDArray[np.uint8], options: AutoOptions = EVERYTHING) -> Search:
        """Return a search for all objects, see `Segmenter`: the masks of the package's own generator, sooner.

        It lets go of the device between a few points and the next. Raises SegmenterError.
        """
        check_image(image)
        return search(image, crops_of(image, options, size=self.input_size), options, open_window=self._decoder_of)

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
            self._predictor.reset_predictor()
            if self._device.type == "cuda":
                torch.cuda.empty_cache()

    @contextmanager
    def _using_device(self, priority: Priority, *, client: str = "") -> Iterator[None]:
        """Wait for a turn on the device; turn what the model raises into SegmenterError. Not within another turn."""
        is_cuda = self._device.type == "cuda"
        # half precision as in the package's own examples; it gains nothing on a CPU
        precision = torch.autocast("cuda", dtype=torch.bfloat16) if is_cuda else nullcontext()
        with self._explaining(), self._scheduler.turn(priority, client=client), torch.inference_mode(), precision:
            yield

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            raise SegmenterError(
                f"{self.name} failed: {_first_line(error)}. "
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
        self._predictor.set_image(image)
        # private names of the package: it has no other way to go back to an earlier image
        features: Any = self._predictor._features  # noqa: SLF001
        return _Embedding(features, (image.shape[0], image.shape[1]))

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

    def _recall(self, embedding: _Embedding) -> None:
        self._predictor._features = embedding.features  # noqa: SLF001
        self._predictor._orig_hw = [embedding.shape]  # noqa: SLF001
        self._predictor._is_image_set = True  # noqa: SLF001


def _model_key(checkpoint: Checkpoint, device: torch.device) -> str:
    """Return what embeddings depend on besides the image, as text: weights, configuration, precision, preparation."""
    config = Path(checkpoint.config).expanduser()
    with checkpoint.weights.open("rb") as file:
        weights = hashlib.file_digest(file, "blake2b").hexdigest()
    content = config.read_text() if config.is_file() else checkpoint.config
    return f"{PREPROCESSING} {weights} {content} {device.type}"


def _arrays(prompts: Prompts) -> dict[str, Any]:
    """Return the prompts as the package's predictor takes them: x, y in pixels, 1 includes and 0 excludes."""
    points, box = prompts.points, prompts.box
    return {
        "point_coords": np.array([(p.x, p.y) for p in points], dtype=np.float32) if points else None,
        "point_labels": np.array([p.include for p in points], dtype=np.int32) if points else None,
        "box": np.array([box.x0, box.y0, box.x1, box.y1], dtype=np.float32) if box else None,
    }


def device_of(name: str) -> torch.device:
    """Return a device of this machine by its name, or the best there is for 'auto'. Raises SegmenterError."""
    has = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, there in has.items() if there))
    if not has.get(name.partition(":")[0]):
        there = ", ".join(kind for kind, is_there in has.items() if is_there)
        raise SegmenterError(f"There is no device '{name}' here. Use 'auto' or one of: {there}.")
    return torch.device(name)


def _load(checkpoint: Checkpoint, device: torch.device) -> SAM2ImagePredictor:
    ensure_torchvision()
    # after ensure_torchvision: sam2 imports torchvision
    from sam2.sam2_image_predictor import SAM2ImagePredictor

    model = _built(checkpoint, device)
    if model.image_size % COARSEST_STRIDE:
        raise SegmenterError(
            f"'{checkpoint.config}' has image_size {model.image_size}. It must be a multiple of {COARSEST_STRIDE}: "
            "give the one that the checkpoint was trained with."
        )
    try:
        model.load_state_dict(_weights(checkpoint))
    except RuntimeError as error:
        raise SegmenterError(
            f"Cannot load '{checkpoint.weights}' into the model of '{checkpoint.config}': they do not fit. "
            "Set MODEL_CONFIG to the configuration that the checkpoint was made with."
        ) from error
    predictor = SAM2ImagePredictor(model)
    # a private name of the package, which writes down the sizes for an image_size of 1024
    predictor._bb_feat_sizes = [(model.image_size // stride,) * 2 for stride in FEATURE_STRIDES]  # noqa: SLF001
    return predictor


def _built(checkpoint: Checkpoint, device: torch.device) -> Any:
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException
    from sam2.build_sam import build_sam2
    from yaml import YAMLError

    try:
        with hydra_config(checkpoint.config) as config:
            return build_sam2(config, device=str(device))
    except (HydraException, OmegaConfBaseException, YAMLError, OSError) as error:
        raise SegmenterError(
            f"Cannot build a model from the configuration '{checkpoint.config}'. {_first_line(error)}. "
            "Give a YAML file of SAM 2.1, or the name of one in the sam2 package: configs/sam2.1/sam2.1_hiera_t.yaml."
        ) from error


def _weights(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return the weights by name. Nothing but numbers is read from the file: a pickle could run code."""
    try:
        content = torch.load(checkpoint.weights, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        raise SegmenterError(
            f"Cannot read '{checkpoint.weights}': it is damaged, or holds more than weights. {_first_line(error)}. "
            "Download it again, or save it with torch.save({'model': model.state_dict()}, path)."
        ) from error
    if not isinstance(content, dict) or not isinstance(content.get("model"), dict):
        raise SegmenterError(
            f"'{checkpoint.weights}' is no SAM 2.1 checkpoint: it has no weights under 'model'. "
            "Give an official one, or one saved with torch.save({'model': model.state_dict()}, path)."
        )
    return content["model"]


def _first_line(error: Exception) -> str:
    """Return the first line of what an error says, at most 300 characters: torch lists every tensor of a model."""
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:300]}".rstrip(".")
