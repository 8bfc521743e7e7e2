"""The nouns of trading: pure values and arithmetic, no I/O, nothing of ours imported."""
