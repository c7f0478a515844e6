"""Outputs: where printed bytes go; bounded, and able to say "wait"."""
