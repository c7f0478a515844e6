"""The test kit: a peer for your tests, that can be asked what it received.

Its guide is docs/testing.md.
"""

from echolab.testing.transcript import BlockingTranscript, Remembering, Transcript

__all__ = ["BlockingTranscript", "Remembering", "Transcript"]
