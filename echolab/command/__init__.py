"""The programs: options, assembly, signals, exit status.

Private: its interface is the command line.
"""
