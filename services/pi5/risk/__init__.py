"""Risk: sizes and judges every signal and order, and stops trading."""
