"""Outputs: where printed bytes go. Each is bounded and can pause its producers.

Private: applications use its parts by the names in `echolab`.
"""
