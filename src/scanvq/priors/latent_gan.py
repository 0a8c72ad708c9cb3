"""DCGAN over maps of code vectors: samples whole grids in a single pass, without a likelihood."""

from __future__ import annotations

import torch
from torch import Tensor

from scanvq.conditions.condition import Condition
from scanvq.conditions.space import NO_CONDITIONS, ConditionSpace
from scanvq.kernels.nearest_search import nearest_codes
from scanvq.nn.dcgan_discriminator import DCGANDiscriminator
from scanvq.nn.dcgan_generator import DCGANGenerator
from scanvq.priors.adversarial_prior import AdversarialPrior
from scanvq.priors.grid_size import check_grid
from scanvq.priors.guidance import refuse_guidance
from scanvq.quantizers.feature_rows import look_up, rows_of
from scanvq.sampling.uniforms import uniform_table
from scanvq.spec import Derived
from scanvq.types import UNKNOWN, Codes, LevelWatch, SamplingParams


class LatentGAN(AdversarialPrior):
    """DCGAN (arXiv 1511.06434) on the quantized maps of a tokenizer.

    ```
    noise (B, Z) ─ generator ─▸ map (B, D, h, w) in [-1, 1] ─ unscale ─ nearest code ─▸ codes (B, h, w)
    codes ─ embed ─ scale ─▸ map in [-1, 1] ─ discriminator ─▸ real or generated
    ```

    The codebook, once set, is a buffer of the weights. Each of the D dimensions of the code vectors is
    scaled to [-1, 1] by its range over the codebook. Noise is standard normal, in training and in sampling.

    Args:
        noise_dim: Z.
        channels: width of the generator before the last upsampling.
        discriminator_channels: width of the discriminator after the first downsampling.
        codebook_size: K.
        code_dim: D.
        conditions: conditions of the prior, any of which may be absent; empty = unconditional.
        context_sizes: must be (), see Raises.
        height: rows of the code grid.
        width: columns of the code grid.

    Raises:
        ValueError: a size below 1, or coarser levels as context, which this prior does not support.
    """

    def __init__(
        self,
        *,
        noise_dim: int = 128,
        channels: int = 64,
        discriminator_channels: int = 32,
        codebook_size: Derived[int],
        code_dim: Derived[int],
        conditions: Derived[ConditionSpace] = NO_CONDITIONS,
        context_sizes: Derived[tuple[int, ...]] = (),
        height: Derived[int],
        width: Derived[int],
    ) -> None:
        super().__init__()
        sizes = {
            "noise_dim": noise_dim,
            "channels": channels,
            "discriminator_channels": discriminator_channels,
        }
        for name, value in sizes.items():
            if value < 1:
                raise ValueError(f"{name} is {value}; it must be 1 or more")
        if context_sizes:
            raise ValueError(
                "latent_gan cannot be conditioned on coarser levels; use an autoregressive prior such as "
                "gated_pixelcnn for the finer levels"
            )
        self.codebook_size = codebook_size
        self.code_dim = code_dim
        self.conditions = conditions
        self.noise_dim = noise_dim
        self.shape = (height, width)
        self.generator = DCGANGenerator(
            noise_dim=noise_dim,
            channels=channels,
            code_dim=code_dim,
            height=height,
            width=width,
            conditions=conditions,
        )
        self.critic = DCGANDiscriminator(
            channels=discriminator_channels,
            code_dim=code_dim,
            height=height,
            width=width,
            conditions=conditions,
        )
        self.register_buffer("vectors", torch.zeros(codebook_size, code_dim))

    vectors: Tensor

    def set_codebook(self, codebook: Tensor) -> None:
        """Sets the tokenizer's codebook (K, D), to which generated maps are quantized."""
        if codebook.shape != self.vectors.shape:
            raise ValueError(
                f"the codebook is {tuple(codebook.shape)}; this prior needs (codebook_size, code_dim) = "
                f"{tuple(self.vectors.shape)}"
            )
        self.vectors.copy_(codebook.detach())

    def maps(self, codes: Tensor) -> Tensor:
        """Codes (B, h, w) to real maps (B, D, h, w) in [-1, 1], the input of the discriminator."""
        middle, reach = self._scale()
        return look_up((self.vectors - middle) / reach, codes)

    def quantized(self, maps: Tensor) -> Tensor:
        """Maps (B, D, h, w) in [-1, 1], quantized to the nearest codes (B, h, w)."""
        middle, reach = self._scale()
        rows = rows_of(maps, self.code_dim).float() * reach + middle  # (B * h * w, D)
        return nearest_codes(rows, self.vectors).view(maps.shape[0], *maps.shape[2:])

    def _fill(
        self,
        known: Tensor,
        *,
        context: Codes,
        condition: Condition | None,
        params: SamplingParams,
        generator: torch.Generator | None,
        watch: LevelWatch | None,
    ) -> Tensor:
        """Samples whole grids of codes (B, h, w), in evaluation mode.

        A grid depends on the generator's seed and the number of grids sampled before, not on the batch size.
        `params.temperature` scales the noise.

        Raises:
            ValueError: some codes are known, a grid of another size, top_k, top_p or guidance is on, or the
                codebook is not set.
        """
        self._check(known, params)
        device = self.vectors.device
        uniform = uniform_table(known.new_empty(known.shape[0], self.noise_dim), generator)
        noise = torch.special.ndtri(uniform.clamp(min=2**-54)) * params.temperature  # (B, Z)
        maps = self.generator(noise.float().to(device), condition)
        return self.quantized(maps).to(known.device)

    def _scale(self) -> tuple[Tensor, Tensor]:
        """Center and half range of each of the D dimensions over the codebook, (D,) both."""
        low, high = self.vectors.amin(0), self.vectors.amax(0)
        return (low + high) / 2, ((high - low) / 2).clamp(min=1e-6)

    def _check(self, known: Tensor, params: SamplingParams) -> None:
        if bool((known != UNKNOWN).any()):
            raise ValueError(
                "some codes are known, but latent_gan samples whole grids only; set all codes to UNKNOWN, or "
                "use an autoregressive prior such as gated_pixelcnn"
            )
        check_grid(known, self.shape)
        if params.top_k or params.top_p < 1:
            raise ValueError(
                f"top_k is {params.top_k} and top_p {params.top_p}, but latent_gan has no probabilities of "
                "codes; leave both off (temperature scales the noise)"
            )
        refuse_guidance(params, "latent_gan")
        if not bool(self.vectors.any()):
            raise ValueError("latent_gan has no codebook yet; set the tokenizer's with `set_codebook`")
