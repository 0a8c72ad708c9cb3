"""How codes are drawn: from logits to one code, and cell after cell over a grid."""
