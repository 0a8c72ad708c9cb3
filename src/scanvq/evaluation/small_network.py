"""A small convolutional classifier of whole images, trained in seconds on a CPU."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

Images = NDArray[np.float32]
BATCH = 32
LEARNING_RATE = 3e-3
WEIGHT_DECAY = 1e-2
LARGEST = 256  # pixels of the longer side; larger images are reduced first
SHIFT = 4  # pixels that a training image is moved by, at most


class SmallNetwork(nn.Module):
    """Images to logits.

    ```
    (B,1,H,W) ─pixel unshuffle─▶ (B,r²,H/r,W/r) ─3 x conv, stride 2─▶ (B,64,h,w) ─mean, max─▶ (B,128)
                                                                                   (B,128) ─▶ (B,outputs)
    ```

    Single pixels reach the first convolution (r is 2 for images up to 96 pixels, 4 above), so that the
    network sees texture at full resolution at the cost of small images.

    Args:
        size: height and width of the images.
        mean, std: of the intensities of real images.
        outputs: logits of each image.
    """

    def __init__(self, size: tuple[int, int], *, mean: float, std: float, outputs: int) -> None:
        super().__init__()
        self.mean, self.std = mean, max(std, 1e-6)
        self.factor = 2 if max(size) <= 96 else 4
        channels = (self.factor**2, 24, 32, 64)
        self.layers = nn.Sequential()
        for before, after in pairwise(channels):
            self.layers.append(nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False))
            self.layers.append(nn.BatchNorm2d(after))
            self.layers.append(nn.ReLU())
        self.head = nn.Linear(2 * channels[-1], outputs)

    def features(self, images: Tensor) -> Tensor:
        """(B, 1, H, W) to (B, 128)."""
        height, width = images.shape[-2:]
        padding = (0, -width % self.factor, 0, -height % self.factor)
        normalized = F.pad((images - self.mean) / self.std, padding, mode="replicate")
        maps = self.layers(F.pixel_unshuffle(normalized, self.factor))  # (B, 64, ., .)
        return torch.cat([maps.mean(dim=(2, 3)), maps.amax(dim=(2, 3))], dim=1)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(F.dropout(self.features(images), 0.2, training=self.training))


def as_input(images: Images) -> Tensor:
    """Images (n, H, W) as (n, 1, H, W), reduced to at most 256 pixels of the longer side."""
    tensor = torch.from_numpy(np.ascontiguousarray(images))[:, None]
    longer = max(tensor.shape[-2:])
    if longer <= LARGEST:
        return tensor
    height, width = (max(1, round(size * LARGEST / longer)) for size in tensor.shape[-2:])
    return F.interpolate(tensor, (height, width), mode="area")


def train_network(images: Tensor, targets: Tensor, *, outputs: int, steps: int, seed: int) -> SmallNetwork:
    """A network that tells the classes of images apart, in evaluation mode.

    Trained on the CPU, so that the same seed gives the same network wherever a run is evaluated; the random
    state of the process stays as it is.

    Args:
        images: (n, 1, H, W), n at least 2, see `as_input`.
        targets: (n,) int64, classes.
        outputs: how many classes.
        steps: batches of 32, each with the classes as frequent as in all.
        seed: of weights, order, shifts and dropout.
    """
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(seed)
        height, width = images.shape[-2:]
        network = SmallNetwork(
            (height, width), mean=float(images.mean()), std=float(images.std()), outputs=outputs
        )
        optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
        order = torch.empty(0, dtype=torch.int64)
        for _ in range(steps):
            while len(order) < BATCH:
                order = torch.cat([order, torch.randperm(len(images))])
            chosen, order = order[:BATCH], order[BATCH:]
            down, right = (int(shift) for shift in torch.randint(-SHIFT, SHIFT + 1, (2,)))
            batch = images[chosen].roll((down, right), dims=(2, 3))
            optimizer.zero_grad(set_to_none=True)
            F.cross_entropy(network(batch), targets[chosen]).backward()
            optimizer.step()
            schedule.step()
    return network.eval()


@torch.no_grad()
def logits_of(network: SmallNetwork, images: Tensor) -> NDArray[np.float64]:
    """(n, 1, H, W) to (n, outputs)."""
    return torch.cat([network(batch) for batch in images.split(BATCH)]).double().numpy()


@torch.no_grad()
def features_of(network: SmallNetwork, images: Tensor) -> NDArray[np.float64]:
    """(n, 1, H, W) to (n, 128)."""
    return torch.cat([network.features(batch) for batch in images.split(BATCH)]).double().numpy()
