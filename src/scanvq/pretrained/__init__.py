"""Models that ship with ScanVQ: NAME.safetensors each, with its card NAME.md."""
