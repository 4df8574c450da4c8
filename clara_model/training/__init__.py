"""Training: one loop for every stage, its options, its checkpoints, its callbacks.

Read in this order: options.py, config.py, loop.py, state.py, run.py.
"""
