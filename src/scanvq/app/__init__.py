"""The app: a model in a browser on this computer."""
