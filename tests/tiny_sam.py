"""A SAM 2.1 with random weights that is quick to make and to run, and the package's own predictor to compare with."""

from pathlib import Path

import pytest
import torch

from seg_app.sam.checkpoints import Checkpoint
from seg_app.sam.compat import ensure_torchvision
from seg_app.sam.configs import hydra_config

# SAM 2.1 as in the official configurations, but with one block in each stage and 32 channels: 0.3 s an image.
TINY = """
model:
  _target_: sam2.modeling.sam2_base.SAM2Base
  image_encoder:
    _target_: sam2.modeling.backbones.image_encoder.ImageEncoder
    scalp: 1
    trunk:
      _target_: sam2.modeling.backbones.hieradet.Hiera
      embed_dim: 8
      num_heads: 1
      stages: [1, 1, 1, 1]
      global_att_blocks: []
      window_pos_embed_bkg_spatial_size: [7, 7]
    neck:
      _target_: sam2.modeling.backbones.image_encoder.FpnNeck
      position_encoding:
        _target_: sam2.modeling.position_encoding.PositionEmbeddingSine
        num_pos_feats: 32
        normalize: true
        scale: null
        temperature: 10000
      d_model: 32
      backbone_channel_list: [64, 32, 16, 8]
      fpn_top_down_levels: [2, 3]
      fpn_interp_model: nearest
  memory_attention:
    _target_: sam2.modeling.memory_attention.MemoryAttention
    d_model: 32
    pos_enc_at_input: true
    layer:
      _target_: sam2.modeling.memory_attention.MemoryAttentionLayer
      activation: relu
      dim_feedforward: 32
      dropout: 0.1
      pos_enc_at_attn: false
      self_attention:
        _target_: sam2.modeling.sam.transformer.RoPEAttention
        feat_sizes: [64, 64]
        embedding_dim: 32
        num_heads: 1
      d_model: 32
      pos_enc_at_cross_attn_keys: true
      pos_enc_at_cross_attn_queries: false
      cross_attention:
        _target_: sam2.modeling.sam.transformer.RoPEAttention
        feat_sizes: [64, 64]
        rope_k_repeat: true
        embedding_dim: 32
        num_heads: 1
        kv_in_dim: 16
    num_layers: 1
  memory_encoder:
    _target_: sam2.modeling.memory_encoder.MemoryEncoder
    out_dim: 16
    in_dim: 32
    position_encoding:
      _target_: sam2.modeling.position_encoding.PositionEmbeddingSine
      num_pos_feats: 16
    mask_downsampler:
      _target_: sam2.modeling.memory_encoder.MaskDownSampler
      embed_dim: 32
      kernel_size: 3
      stride: 2
      padding: 1
    fuser:
      _target_: sam2.modeling.memory_encoder.Fuser
      layer:
        _target_: sam2.modeling.memory_encoder.CXBlock
        dim: 32
      num_layers: 1
  num_maskmem: 7
  image_size: 1024
  directly_add_no_mem_embed: true
  use_high_res_features_in_sam: true
  multimask_output_in_sam: true
  iou_prediction_use_sigmoid: true
  pred_obj_scores: true
  pred_obj_scores_mlp: true
"""

# What the official configurations have besides, for propagation.
MEMORY = """
  sigmoid_scale_for_mem_enc: 20.0
  sigmoid_bias_for_mem_enc: -10.0
  use_mask_input_as_output_without_sam: true
  no_obj_embed_spatial: true
  use_obj_ptrs_in_encoder: true
  proj_tpos_enc_in_obj_ptrs: true
  use_signed_tpos_enc_to_obj_ptrs: true
  only_obj_ptrs_in_the_past_for_eval: true
  fixed_no_obj_ptr: true
  multimask_output_for_tracking: true
  use_multimask_token_for_obj_ptr: true
  multimask_min_pt_num: 0
  use_mlp_for_obj_ptr_proj: true
"""


def tiny_checkpoint(folder: Path, *, image_size: int = 1024, seed: int = 0, memory: str = "") -> Checkpoint:
    """Write a configuration and random weights for it into a folder. memory: further lines, as `MEMORY`."""
    config, weights = folder / "tiny.yaml", folder / "tiny.pt"
    config.write_text(TINY.replace("image_size: 1024", f"image_size: {image_size}").rstrip() + memory)
    torch.save({"model": bare_model(config, seed=seed).state_dict()}, weights)
    return Checkpoint.at(weights, config=config)


def bare_model(config: Path, *, seed: int = 0):
    """Return the package's own model of a configuration, built without seg_app, with random weights."""
    ensure_torchvision()
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    torch.manual_seed(seed)
    extra = "model.sam_mask_decoder_extra_args.dynamic_multimask"
    # what build_sam2 adds to every configuration
    options = [f"{extra}_via_stability=true", f"{extra}_stability_delta=0.05", f"{extra}_stability_thresh=0.98"]
    full = OmegaConf.merge(OmegaConf.load(config), OmegaConf.from_dotlist(options))
    return instantiate(full.model, _recursive_=True).eval()


def bare_predictor(checkpoint: Checkpoint, *, device: str = "cpu"):
    """Return the package's own image predictor with the weights of a checkpoint of ours."""
    model = bare_model(Path(checkpoint.config)).to(device)
    model.load_state_dict(torch.load(checkpoint.weights, weights_only=True)["model"])
    from sam2.sam2_image_predictor import SAM2ImagePredictor

    predictor = SAM2ImagePredictor(model)
    # it is written for 1024
    predictor._bb_feat_sizes = [(model.image_size // stride,) * 2 for stride in (4, 8, 16)]
    return predictor


def bare_tracker(checkpoint: Checkpoint):
    """Return a function that carries masks of the first of some images through all, by the package's own predictor.

    It takes images (rows, columns, 3) uint8, the number of planes of the whole volume, and masks by number, and returns
    the logits (objects, rows, columns) of each plane.
    """
    ensure_torchvision()
    from sam2 import sam2_video_predictor
    from sam2.build_sam import build_sam2_video_predictor
    from sam2.utils.transforms import SAM2Transforms

    with hydra_config(str(checkpoint.config)) as name:
        predictor = build_sam2_video_predictor(name, str(checkpoint.weights), device="cpu")
    predictor.fill_hole_area = 0  # it takes a CUDA kernel

    def carry(images, n_planes, masks):
        prepared = SAM2Transforms(predictor.image_size, 0.0).forward_batch(images)
        with pytest.MonkeyPatch.context() as patch:
            # it reads JPEG files otherwise, which are not exact
            patch.setattr(sam2_video_predictor, "load_video_frames", lambda **_: (prepared, *images[0].shape[:2]))
            state = predictor.init_state("")
        state["num_frames"] = n_planes
        for number, mask in masks.items():
            predictor.add_new_mask(state, 0, number, mask)
        steps = predictor.propagate_in_video(state, max_frame_num_to_track=len(images) - 1)
        return {plane: logits[:, 0].numpy() for plane, _, logits in steps}

    return carry
