"""Decide whether an answer to the server may be kept in the history."""

from __future__ import annotations

import re

__all__ = ["SecretAnswers"]

KEPT_BYTES = 1024
"""How many of the server's last bytes are searched."""

_SECRET = re.compile(
    r"pass|secret|\bpin\b|kennwort|contraseñ|senha|парол|密[码碼]|비밀번호|パスワード",
    re.IGNORECASE,
)
_QUESTION = re.compile(r"[:?\uff1a\uff1f]\s*\Z")  # ASCII's and full-width ones


class SecretAnswers:
    """Tell whether the next line may be a secret answer.

    It may be one if the server's text since the last line ends with a colon or a
    question mark, or contains a word for a password. This stays so after an answer,
    until the server sends other text: a name and a password can be typed, or pasted,
    faster than the server asks for them.
    """

    def __init__(self) -> None:
        self._said = b""
        self._answered = False

    def hear(self, said: bytes) -> None:
        """Take the server's text, in any pieces."""
        if not said.strip():
            return  # Such as the newline after a password.
        before = b"" if self._answered else self._said
        self._answered = False
        self._said = (before + said)[-KEPT_BYTES:]

    def answer(self) -> None:
        """Note that a line was typed."""
        self._answered = True

    @property
    def may_be_secret(self) -> bool:
        """Whether a line typed now should not be kept."""
        said = self._said.decode("utf-8", "replace")
        return bool(_QUESTION.search(said) or _SECRET.search(said))
