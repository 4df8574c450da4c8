"""Reviewing pairs in the terminal: which, in which order, what is shown, what is kept."""
