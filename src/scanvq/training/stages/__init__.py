"""The stages of a run, in their order: data, tokenizer, codes, prior."""
