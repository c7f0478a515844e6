"""What a user types and sees: stdin, the line editor, the terminal that shows them.

Private: applications use its parts by the names in `echolab`.
"""
