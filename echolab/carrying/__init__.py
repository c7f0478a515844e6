"""Events in a distributed engine: NATS JetStream as an output.

Private: only the programs use it. ``nats`` is imported when a stream is opened.
"""
