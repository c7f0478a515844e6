"""The keys of the line editor that are not prompt_toolkit's own: Tab, and a paste."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.keys import Keys

from echolab.terminal.commands import as_data

if TYPE_CHECKING:
    from collections.abc import Callable

    from prompt_toolkit.buffer import Buffer
    from prompt_toolkit.key_binding import KeyPressEvent

    from echolab.terminal.completing import Completion

__all__ = ["editing_keys"]


def editing_keys(
    is_line: Callable[[Buffer], bool],
    *,
    paste_more: Callable[[list[str]], None],
    complete: Callable[[str], Completion | None] | None,
    show: Callable[[bytes], None],
) -> KeyBindings:
    """Return the keys.

    Args:
        is_line: whether a buffer is that of the line; a search has another one.
        paste_more: takes the lines of a paste behind the first one; the last of them
            has no end.
        complete: completes a line; None if there are no commands. With it, a line of a
            paste is no command.
        show: shows choices.
    """
    keys = KeyBindings()
    pasted = as_data if complete else str

    @keys.add(Keys.BracketedPaste)
    def paste(event: KeyPressEvent) -> None:
        """Handle pasted text as if it were typed, line by line."""
        text = event.data.replace("\r\n", "\n").replace("\r", "\n")
        buffer = event.current_buffer
        line, *more = text.split("\n")
        if not more or not is_line(buffer):
            buffer.insert_text(line)
            return
        buffer.insert_text(line if buffer.text else pasted(line))
        paste_more([pasted(each) for each in more])
        buffer.validate_and_handle()

    @keys.add(Keys.ControlI)
    def tab(event: KeyPressEvent) -> None:
        """Complete a command; a line that is none gets a tab."""
        buffer = event.current_buffer
        completion = None
        if complete and is_line(buffer):
            completion = complete(buffer.document.text_before_cursor)
        if completion is None:
            buffer.insert_text("\t")
            return
        buffer.insert_text(completion.rest)
        if completion.choices:
            show("".join(f"{each}\n" for each in completion.choices).encode())

    return keys
