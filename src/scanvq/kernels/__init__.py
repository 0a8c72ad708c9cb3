"""Optimized kernels, each with a plain reference implementation.

"Gain" in a docstring is how much longer a whole step takes with the reference instead: processor
time in one thread of an AMD EPYC (AVX-512), bf16, median of alternating turns, PyTorch 2.13. The demo
tokenizer trains on 16 images of 128x128, the planned tokenizer on 4 of 192x160 (512 codes, grids of 48x40).
"""
