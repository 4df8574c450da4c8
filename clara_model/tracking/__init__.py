"""What training measures and where it goes: metrics.jsonl, wandb, training.png, the terminal."""
