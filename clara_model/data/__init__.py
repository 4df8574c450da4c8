"""Stage files to batches: rows are read, tokenised once, ordered by a seed, and padded per batch.

load.load_stage_data   a stage file -> StageData (examples, truncation, counts)
sampler                which rows make a global batch, and how it is split
collate.collate        examples -> TrainingBatch
"""
