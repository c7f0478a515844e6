"""What is made of recordings: ledgers of connections, and figures of them."""

from __future__ import annotations
