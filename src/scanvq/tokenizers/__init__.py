"""Tokenizers: images to codes and back."""

from scanvq.tokenizers.vqvae import VQVAE as VQVAE
from scanvq.tokenizers.vqvae2 import VQVAE2 as VQVAE2
