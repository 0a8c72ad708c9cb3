"""A small U-Net that segments images, trained in a minute on a CPU."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from scanvq.evaluation.small_network import as_input

CHANNELS = 12
DEPTH = 3
STEPS = 200
BATCH = 8
LEARNING_RATE = 4e-3
SHIFT = 4  # pixels that a training image is moved by, at most

Images = NDArray[np.float32]
Classes = NDArray[np.int64]


class SmallUNet(nn.Module):
    """Images to logits of every pixel (Ronneberger et al. 2015, arXiv 1505.04597), 12 to 48 channels.

    ```
    (B,1,H,W) ─2 x conv─▶ (B,12,H,W) ───────────────────────────────▶ concat ─2 x conv─▶ (B,classes,H,W)
                              └─max pool, 2 x conv─▶ ... ─upsample──────┘
    ```

    Args:
        classes: of a pixel.
        mean, std: of the intensities of real images.
    """

    def __init__(self, classes: int, *, mean: float, std: float) -> None:
        super().__init__()
        self.mean, self.std = mean, max(std, 1e-6)
        widths = [CHANNELS * 2**level for level in range(DEPTH)]
        self.down = nn.ModuleList(_double(before, after) for before, after in pairwise([1, *widths]))
        self.up = nn.ModuleList(_double(wide + narrow, narrow) for narrow, wide in pairwise(widths))
        self.head = nn.Conv2d(CHANNELS, classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        features, skipped = (images - self.mean) / self.std, []
        for level, layers in enumerate(self.down):
            features = layers(features if level == 0 else F.max_pool2d(features, 2, ceil_mode=True))
            skipped.append(features)
        for level in reversed(range(DEPTH - 1)):
            larger = F.interpolate(features, skipped[level].shape[-2:], mode="nearest")
            features = self.up[level](torch.cat([larger, skipped[level]], dim=1))
        return self.head(features)  # (B, classes, H, W)


def _double(before: int, after: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs in (before, after):
        layers += [nn.Conv2d(inputs, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers)


def train_segmenter(
    images: Images, maps: Classes, *, classes: int, steps: int = STEPS, seed: int = 0
) -> SmallUNet:
    """A network for the classes of pixels, in evaluation mode; trained on the CPU, as `train_network`.

    Args:
        images: (n, H, W), at most 256 pixels of the longer side are used.
        maps: (n, H, W), classes from 0 to `classes` - 1.
        classes: how many.
        steps: batches of 8.
        seed: of weights, order and shifts.
    """
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(seed)
        inputs = as_input(images)
        targets = torch.from_numpy(maps)[:, None].float()
        targets = F.interpolate(targets, inputs.shape[-2:], mode="nearest")[:, 0].long()
        network = SmallUNet(classes, mean=float(images.mean()), std=float(images.std()))
        frequency = torch.bincount(targets.flatten(), minlength=classes).clamp_min(1).float()
        weights = (frequency.sum() / frequency).sqrt()
        optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
        for _ in range(steps):
            chosen = torch.randint(len(inputs), (BATCH,))
            shift = tuple(int(pixels) for pixels in torch.randint(-SHIFT, SHIFT + 1, (2,)))
            batch, wanted = inputs[chosen].roll(shift, (2, 3)), targets[chosen].roll(shift, (1, 2))
            optimizer.zero_grad(set_to_none=True)
            F.cross_entropy(network(batch), wanted, weight=weights / weights.mean()).backward()
            optimizer.step()
            schedule.step()
    return network.eval()


@torch.no_grad()
def segment(network: SmallUNet, images: Images) -> Classes:
    """The class of every pixel, (n, H, W); at most 256 pixels of the longer side."""
    return torch.cat([network(batch).argmax(dim=1) for batch in as_input(images).split(BATCH)]).numpy()
