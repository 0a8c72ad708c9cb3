"""Trained models in memory: encoding, decoding, sampling, inpainting and scoring of images and scans."""
