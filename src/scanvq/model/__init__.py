"""A trained model in memory: tokenizer, prior, preparation, and what they do with images and scans."""
