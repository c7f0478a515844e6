"""What is made of recordings: ledgers of connections, figures of them, captures."""

from __future__ import annotations
