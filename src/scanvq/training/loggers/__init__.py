"""Loggers of a training: the terminal, TensorBoard and W&B."""
