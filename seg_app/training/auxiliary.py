"""Tasks beside the real one, for the first hours only: every pixel teaches, not only those near a prompt.

One click says little about what an object is, and a model that knows nothing yet learns to follow it only after a
long plateau. Here the features that the mask decoder uses say of every pixel what it belongs to, and which other
pixels belong with it. The heads are thrown away.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

ANCHORS = 32
REACHES = (2.0, 5.0, 12.0, 30.0)
"""Widths of the neighbourhoods that the affinity knows, in pixels of the logits."""


class DenseHeads(nn.Module):
    """Read inside, border, depth and belonging off stride-4 features."""

    def __init__(self, channels: int, width: int = 32) -> None:
        super().__init__()
        self.layout = nn.Conv2d(channels, 3, 1)
        self.query = nn.Conv2d(channels, width, 1)
        self.key = nn.Conv2d(channels, width, 1)
        self.nearness = nn.Parameter(torch.ones(len(REACHES)))
        self.bias = nn.Parameter(torch.tensor(-3.0))

    def forward(self, features: Tensor, labels: Tensor, depths: Tensor) -> Tensor:
        """Return the loss.

        features: (n, channels, rows, columns). labels (int), depths (pixels): (n, 4 × rows, 4 × columns).
        """
        return self._layout_loss(features, labels, depths) + self._affinity_loss(features, labels)

    def _layout_loss(self, features: Tensor, labels: Tensor, depths: Tensor) -> Tensor:
        inside, border, depth = self.layout(features).unbind(dim=1)
        entropy = functional.binary_cross_entropy_with_logits
        is_inside = functional.avg_pool2d((labels > 0).float()[:, None], 4)[:, 0]
        shallow = torch.tanh(functional.avg_pool2d(depths[:, None], 4)[:, 0] / 20)
        return entropy(inside, is_inside) + entropy(border, borders(labels)) + (depth - shallow).abs().mean()

    def _affinity_loss(self, features: Tensor, labels: Tensor) -> Tensor:
        """Return how badly anchors know which pixels share their object."""
        small = labels[:, 2::4, 2::4]
        rows, columns = small.shape[1:]
        anchors = _anchors(small)
        query = self.query(features).flatten(2).gather(2, anchors[:, None].expand(-1, self.query.out_channels, -1))
        alike = torch.einsum("nca,ncp->nap", query, self.key(features).flatten(2)) / self.query.out_channels**0.5
        flat = small.flatten(1)
        own = flat.gather(1, anchors)
        same = (own[:, :, None] == flat[:, None]).float()
        loss = functional.binary_cross_entropy_with_logits(
            alike + self._near(anchors, rows, columns) + self.bias, same, reduction="none"
        )
        # an object is as important as all that it is not
        share = same.mean(dim=2, keepdim=True)
        balanced = loss * (same / (2 * share.clamp(min=1e-4)) + (1 - same) / (2 * (1 - share).clamp(min=1e-4)))
        asked = (own > 0).float()
        return (balanced.mean(dim=2) * asked).sum() / asked.sum().clamp(min=1)

    def _near(self, anchors: Tensor, rows: int, columns: int) -> Tensor:
        place = torch.arange(rows * columns)
        dy = anchors[:, :, None] // columns - place // columns
        dx = anchors[:, :, None] % columns - place % columns
        squared = (dy**2 + dx**2).float()
        bells = [w * torch.exp(-squared / r**2) for w, r in zip(self.nearness, REACHES, strict=True)]
        return torch.stack(bells).sum(dim=0)


def borders(labels: Tensor) -> Tensor:
    """Return 1.0 for every 4 × 4 block of labels (n, rows, columns) that shows more than one, else 0.0."""
    values = labels[:, None].float()
    return (functional.max_pool2d(values, 4) != -functional.max_pool2d(-values, 4)).float()[:, 0]


def _anchors(labels: Tensor) -> Tensor:
    """Return the flat places (n, ANCHORS) of random pixels, of objects where there are any."""
    weight = (labels.flatten(1) > 0).float() + 1e-6
    return torch.multinomial(weight, ANCHORS, replacement=True)
