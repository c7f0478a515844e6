"""What a server asks, as far as it decides whether an answer may be kept."""

from __future__ import annotations

import re

__all__ = ["SecretAnswers"]

KEPT_BYTES = 1024
"""How much of what was said last is looked at."""

_SECRET = re.compile(
    r"pass|secret|\bpin\b|kennwort|contraseñ|senha|парол|密[码碼]|비밀번호|パスワード",
    re.IGNORECASE,
)
_QUESTION = re.compile(r"[:?\uff1a\uff1f]\s*\Z")  # ASCII's and full-width ones


class SecretAnswers:
    """Tells whether the next line may be an answer that should stay secret.

    It may be one if what the server said since the line before ends in a colon or
    a question mark, or has a word for a password in it. It still may be one after
    an answer, until the server says something else: a name and a password can be
    typed, or pasted, faster than they are asked for.
    """

    def __init__(self) -> None:
        self._said = b""
        self._answered = False

    def hear(self, said: bytes) -> None:
        """Take what the server says, in any pieces."""
        if not said.strip():
            return  # As the end of the line behind a password.
        before = b"" if self._answered else self._said
        self._answered = False
        self._said = (before + said)[-KEPT_BYTES:]

    def answer(self) -> None:
        """Note that a line was typed."""
        self._answered = True

    @property
    def may_be_secret(self) -> bool:
        """Whether a line that is typed now should not be kept."""
        said = self._said.decode("utf-8", "replace")
        return bool(_QUESTION.search(said) or _SECRET.search(said))
