"""Training: one loop for every stage, its options, its checkpoints, its callbacks.

Read in this order: options.py, loop.py, session.py, state.py, run.py. To train with rows and
schedules of one's own, make a `Trainer` (loop.py) with callbacks (callbacks.py):

    model.set_stage("instruction")
    Trainer(model, examples, TrainOptions(batch_size=8), callbacks=[...]).train()
"""
