"""How a checkpoint folder is laid out, written and read; `clara_model.checkpoint` is its door."""
