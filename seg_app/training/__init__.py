"""Training the small SAM 2.1 checkpoint that the package brings along."""

from seg_app.training.split import held_out

__all__ = ["held_out"]
