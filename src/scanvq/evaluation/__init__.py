"""How well a run does, on the scans that it has never seen."""
