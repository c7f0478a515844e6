"""Outputs: where printed bytes go. Each is bounded and can pause its producers.

Private: what applications use of it are the names in `echolab`.
"""
