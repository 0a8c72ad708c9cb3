"""What a model does with files: codes files, reconstructions, samples, completions."""
