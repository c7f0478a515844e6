"""What is done wrong on purpose, on either side.

Private: applications use its parts by the names in `echolab` and `echolab.testing`.
"""
