"""The programs: options, assembly, and what surrounds a process."""
