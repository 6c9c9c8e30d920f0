"""Real images that come with scikit-image, so that nothing is downloaded."""

from __future__ import annotations

import skimage.data
from sample import Sample


def photographs() -> dict[str, Sample]:
    """Return four images of uint8, one of them in colour."""
    return {
        "coins": Sample(
            planes=skimage.data.coins()[None],
            title="Coins (photograph)",
            description="Greek coins from Pompeii on an uneven background, the classic of segmentation.",
            facts={"origin": "scikit-image; Brooklyn Museum, no known copyright restrictions"},
        ),
        "cell": Sample(
            planes=skimage.data.cell()[None],
            title="Cell (phase image)",
            description="A cell in saline by quantitative phase imaging, with bands in the background.",
            pixel_size_nm=(None, 107.0, 107.0),
            facts={
                "origin": "scikit-image; Müller et al., Optics Express 26, 10729 (2018), CC0",
                "pixel_size_source": "the documentation of scikit-image",
            },
        ),
        "gravel": Sample(
            planes=skimage.data.gravel()[None],
            title="Gravel (photograph)",
            description="Stones that lie upon each other, like a packed powder.",
            facts={"origin": "scikit-image; CC0Textures, CC0"},
        ),
        "immunohistochemistry": Sample(
            planes=skimage.data.immunohistochemistry()[None],
            title="Tissue (light microscope, colour)",
            description="Glands of the colon, stained with DAB (brown) and hematoxylin (blue).",
            facts={"origin": "scikit-image; CMMI, no known copyright restrictions"},
        ),
    }
