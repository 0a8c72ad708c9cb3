"""Tokenizers: encode images to codes, and decode codes to images."""

from scanvq.tokenizers.vqvae import VQVAE as VQVAE
from scanvq.tokenizers.vqvae2 import VQVAE2 as VQVAE2
