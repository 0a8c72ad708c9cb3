"""Who looks on while a stage trains."""
