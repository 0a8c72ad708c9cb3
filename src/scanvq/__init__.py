"""ScanVQ: discrete-latent generative modeling of medical images."""
