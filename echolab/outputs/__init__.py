"""Outputs: where printed bytes go. Each is bounded and can pause its producers."""
