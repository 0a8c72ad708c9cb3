"""Models that ship with ScanVQ: one safetensors file each, named as the model."""
