"""The programs: options, assembly, signals, exit status."""
