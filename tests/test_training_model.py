"""The bundled model: small enough, SAM 2.1 for the package, and willing to listen from the start."""

import pytest
import torch

from seg_app.sam.checkpoints import Checkpoint
from seg_app.training.model import CONFIG, INCLUDE, NOTHING, WEIGHTS, build, decode, embed, image_parameters, prepare

LARGEST_FILE = 12_000_000


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    model = build()
    prepare(model)
    return model.eval()


def clicked(model, xy, *, corner=(0, 0)):
    """Return the logits for one click on a crop of noise, (64 / 4, 64 / 4)."""
    image = torch.randint(0, 255, (1, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        features = embed(model, image).features
        points, meanings = torch.tensor([[xy, (0.0, 0.0)]]), torch.tensor([[INCLUDE, NOTHING]])
        return decode(model, features, points, meanings, corner=corner, masks=None).logits[0, 1]


def test_the_configuration_builds_a_model_that_fits_into_the_package(model):
    assert sum(weight.numel() for weight in model.parameters()) <= 5_950_000
    assert model.image_size == 256


def test_the_bundled_weights_fit_the_bundled_configuration():
    from sam2.build_sam import build_sam2

    from seg_app.sam.configs import hydra_config

    checkpoint = Checkpoint.at(WEIGHTS, config=CONFIG)
    with hydra_config(checkpoint.config) as config:
        model = build_sam2(config, device="cpu")
    weights = torch.load(checkpoint.weights, map_location="cpu", weights_only=True)["model"]
    model.load_state_dict(weights, strict=True)
    assert {value.dtype for value in weights.values()} == {torch.float16}


def test_the_bundled_weights_are_small():
    assert WEIGHTS.stat().st_size <= LARGEST_FILE


@pytest.mark.parametrize("place", [(0, 0), (3, 1), (2, 3)])
def test_before_anything_is_learnt_pixels_listen_to_a_click_at_their_own_place(model, place):
    attention = model.sam_mask_decoder.transformer.layers[0].cross_attn_image_to_token
    heard = []
    hook = attention.register_forward_pre_hook(lambda _, __, given: heard.append(given), with_kwargs=True)
    clicked(model, (place[0] * 16 + 8.0, place[1] * 16 + 8.0))
    hook.remove()
    with torch.no_grad():
        pixels, tokens = attention.q_proj(heard[0]["q"]), attention.k_proj(heard[0]["k"])
    # the first six tokens are those of the answers, then comes the click
    assert divmod(int((pixels @ tokens[:, 6, :, None]).argmax()), 4) == place[::-1]


def test_where_a_crop_lies_in_the_input_changes_little(model):
    here, there = clicked(model, (12.0, 12.0)), clicked(model, (12.0, 12.0), corner=(128, 64))
    assert torch.corrcoef(torch.stack([here.flatten(), there.flatten()]))[0, 1] > 0.9


def test_single_images_do_not_train_the_memory(model):
    names = image_parameters(model)
    assert not any(name.startswith(("memory", "maskmem", "obj_ptr")) for name in names)
    assert "sam_mask_decoder.mask_tokens.weight" in names
