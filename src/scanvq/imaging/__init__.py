"""Image files and preprocessing: formats, geometry, intensity scaling, invertible preparation."""
