"""What both halves of the project know of written English and Chinese: the one normaliser.

It lies here because a trainer that scores answers runs where `tasks` is not installed; `tasks.text`
reads it from here, and that is all `tasks` knows of `clara_model`. Nothing heavy is imported.
"""
