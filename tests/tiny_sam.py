"""A SAM 2.1 with random weights that is quick to make and to run, and the package's own predictor to compare with."""

from pathlib import Path

import torch

from seg_app.sam.checkpoints import Checkpoint
from seg_app.sam.compat import ensure_torchvision

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


def tiny_checkpoint(folder: Path, *, image_size: int = 1024, seed: int = 0) -> Checkpoint:
    """Write a configuration and random weights for it into a folder."""
    config, weights = folder / "tiny.yaml", folder / "tiny.pt"
    config.write_text(TINY.replace("image_size: 1024", f"image_size: {image_size}"))
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


def bare_predictor(checkpoint: Checkpoint):
    """Return the package's own image predictor with the weights of a checkpoint of ours."""
    model = bare_model(Path(checkpoint.config))
    model.load_state_dict(torch.load(checkpoint.weights, weights_only=True)["model"])
    from sam2.sam2_image_predictor import SAM2ImagePredictor

    predictor = SAM2ImagePredictor(model)
    # it is written for 1024
    predictor._bb_feat_sizes = [(model.image_size // stride,) * 2 for stride in (4, 8, 16)]
    return predictor
