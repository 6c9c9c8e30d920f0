"""Objects carried from one plane through others by the memory of SAM 2.1.

Each object is followed as the package's video predictor does it (`SAM2VideoPredictor.propagate_in_video`): given by a
mask on one plane, it is found on the next by what is remembered of it on that one, on the few planes before, and by
its pointers. The steps are taken on the model that answers clicks, which the video predictor would hold a second time,
and unlike it this tells the predicted IoU, reads planes one by one, lets clicks go first, forgets what is too old to
be looked at, and drops objects that have ended (see `endings`). Before and behind the prompted plane nothing is shared
but that plane.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from seg_app.errors import UnreadableError
from seg_app.sam.cores import CORES, on_cores
from seg_app.sam.endings import Ending
from seg_app.sam.followed import Followed, OnPlane
from seg_app.sam.question import check_plane

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray
    from sam2.sam2_image_predictor import SAM2ImagePredictor
    from torch import Tensor

    from seg_app.sam.followed import Planes, Propagation

    Read = Callable[[int], NDArray[np.uint8]]
    Turn = Callable[[], AbstractContextManager[None]]
    Outputs = dict[int, dict[str, Any]]

CERTAIN = 100.0
"""As a logit: the memory of the prompted plane is of what the user sees, not of how sure the model is of it."""


def propagate(
    predictor: SAM2ImagePredictor,
    planes: Planes,
    start: int,
    masks: Mapping[int, NDArray[np.bool_]],
    *,
    turn: Turn,
) -> Propagation:
    """Yield what is found on the planes after `start`, then on those before it; see `Follower`.

    turn: has the device for a block, and makes errors of ours of those of the model.
    """
    if not masks:
        return
    memory = Memory(predictor, len(planes))
    read = partial(_read, planes, shape=next(iter(masks.values())).shape)
    prompted = _prompted(read(start), masks, memory=memory, turn=turn)
    for way in (range(start + 1, len(planes)), range(start - 1, -1, -1)):
        tracks = {number: Track({0: prompted[number]}, Ending(mask)) for number, mask in masks.items()}
        yield from _along(way, read, tracks, memory=memory, turn=turn)


def _read(planes: Planes, z: int, *, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    image = planes[z]
    check_plane(image, z, shape)
    return image


def _prompted(
    image: NDArray[np.uint8], masks: Mapping[int, NDArray[np.bool_]], *, memory: Memory, turn: Turn
) -> Outputs:
    """Return what is remembered of each object on the plane that it is given on."""
    found: Outputs = {}
    with turn():
        seen = memory.see(image)
    for number, mask in masks.items():
        with turn():
            found[number] = memory.prompted(seen, mask)
    return found


def _along(way: range, read: Read, tracks: dict[int, Track], *, memory: Memory, turn: Turn) -> Propagation:
    """Yield what is found on planes in one direction, until all objects have ended; damaged ones are passed over."""
    for z in way:
        if not tracks:
            return
        try:
            image, found = read(z), {}
        except UnreadableError:  # what is remembered is enough to find the objects on the next one
            continue
        with turn():
            seen = memory.see(image)
        for number, track in list(tracks.items()):
            with turn():
                found[number] = memory.look(seen, track)
            if track.ending.has_come(found[number]):
                del found[number], tracks[number]
        yield OnPlane(z, found)


@dataclass
class Track:
    """What is remembered of one object in one direction."""

    outputs: Outputs
    """By how many planes ago it was prompted; the prompted one is 0."""
    ending: Ending
    step: int = 0


@dataclass(frozen=True)
class Seen:
    """What the image encoder made of a plane: features and their places at three resolutions, finest first."""

    features: list[Tensor]
    places: list[Tensor]
    sizes: list[tuple[int, int]]
    shape: tuple[int, int]


class Memory:
    """The model of an image predictor, asked as the package's video predictor asks it. Within a turn.

    It calls private names of the package: `track_step` tells no predicted IoU, and is told no mask for the memory.
    """

    def __init__(self, predictor: SAM2ImagePredictor, n_planes: int) -> None:
        self._predictor, self._n_planes = predictor, n_planes
        self._model: Any = predictor.model
        self._places: list[Tensor] | None = None

    def see(self, image: NDArray[np.uint8]) -> Seen:
        """Encode a plane."""
        # torch warns of arrays that cannot be written to
        pixels = self._predictor._transforms(image if image.flags.writeable else image.copy())  # noqa: SLF001
        with on_cores(CORES):
            out = self._model.forward_image(pixels[None].to(self._model.device))
        _, features, places, sizes = self._model._prepare_backbone_features(out)  # noqa: SLF001
        return Seen(features, places, sizes, (image.shape[0], image.shape[1]))

    def prompted(self, seen: Seen, mask: NDArray[np.bool_]) -> dict[str, Any]:
        """Return what is to be remembered of an object on the plane that it is given on."""
        heads = self._heads(seen, 0, {}, self._mask_input(mask))
        whole = functional.interpolate(heads[3], self._input_shape, mode="bilinear", align_corners=False)
        return self._remembered(seen, torch.where(whole > 0, CERTAIN, -CERTAIN), heads)

    def look(self, seen: Seen, track: Track) -> Followed:
        """Find an object on the next plane, and remember it there."""
        track.step += 1
        heads = self._heads(seen, track.step, track.outputs, None)
        track.outputs[track.step] = self._remembered(seen, heads[4], heads)
        self._forget(track)
        logits = functional.interpolate(heads[3], seen.shape, mode="bilinear", align_corners=False)
        score = float(heads[2].max().clamp(0, 1))
        return Followed(logits[0, 0].float().cpu().numpy(), score, float(heads[6]))

    @property
    def _input_shape(self) -> tuple[int, int]:
        return self._model.image_size, self._model.image_size

    def _mask_input(self, mask: NDArray[np.bool_]) -> Tensor:
        """Return a mask as the model takes it: (1, 1, rows, columns) float32 of its input, 0 or 1."""
        bits = torch.as_tensor(mask, dtype=torch.float32, device=self._model.device)[None, None]
        if mask.shape == self._input_shape:
            return bits
        return (functional.interpolate(bits, self._input_shape, mode="bilinear", antialias=True) >= 0.5).float()

    def _heads(self, seen: Seen, step: int, outputs: Outputs, mask: Tensor | None) -> Sequence[Tensor]:
        """Return what `SAM2Base._forward_sam_heads` does, for a plane by what is remembered of those before it."""
        by_kind = {
            "cond_frame_outputs": {n: out for n, out in outputs.items() if n == 0},
            "non_cond_frame_outputs": {n: out for n, out in outputs.items() if n > 0},
        }
        _, heads, _, _ = self._model._track_step(  # noqa: SLF001
            frame_idx=step,
            is_init_cond_frame=step == 0,
            current_vision_feats=seen.features,
            current_vision_pos_embeds=seen.places,
            feat_sizes=seen.sizes,
            point_inputs=None,
            mask_inputs=mask,
            output_dict=by_kind,
            num_frames=self._n_planes,
            track_in_reverse=False,  # planes are counted from the prompted one, whichever way
            prev_sam_mask_logits=None,
        )
        return heads

    def _remembered(self, seen: Seen, logits: Tensor, heads: Sequence[Tensor]) -> dict[str, Any]:
        features, places = self._model._encode_new_memory(  # noqa: SLF001
            current_vision_feats=seen.features,
            feat_sizes=seen.sizes,
            pred_masks_high_res=logits,
            object_score_logits=heads[6],
            is_mask_from_pts=False,
        )
        # all have the same places, which take more memory than half precision, in which the video predictor keeps them
        self._places = self._places or places
        return {"maskmem_features": features.to(torch.bfloat16), "maskmem_pos_enc": self._places, "obj_ptr": heads[5]}

    def _forget(self, track: Track) -> None:
        """Forget what is too old to be looked at; the prompted plane never is."""
        model = self._model
        oldest = track.step - max(
            model.num_maskmem * model.memory_temporal_stride_for_eval, model.max_obj_ptrs_in_encoder
        )
        track.outputs = {step: out for step, out in track.outputs.items() if step == 0 or step > oldest}
