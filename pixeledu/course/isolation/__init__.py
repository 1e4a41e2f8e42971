"""Running the code of others: `Isolation` says how, `AnswerProcess` does it."""
