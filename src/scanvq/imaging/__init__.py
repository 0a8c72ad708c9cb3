"""One file and one image: formats, geometry, intensity, preparation."""
