"""Figures as one HTML file, without scripts and without outside references."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from echolab.lab.svg import STYLE, draw_svg, escaped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echolab.lab.rows import Figure

__all__ = ["draw_html"]

PAGE_STYLE = f"""\
:root{{color-scheme:light dark}}
body{{margin:1rem;background:#fff}}
@media(prefers-color-scheme:dark){{body{{background:#0d1117}}}}
svg{{display:block;max-width:100%;height:auto;margin-bottom:1rem}}
{STYLE}"""


def draw_html(figures: Sequence[Figure]) -> str:
    """Return figures as an HTML document.

    A browser loads nothing for it, and runs nothing in it: its policy allows only
    the style that it has.
    """
    digest = hashlib.sha256(PAGE_STYLE.encode()).digest()
    policy = (
        f"default-src 'none'; style-src 'sha256-{base64.b64encode(digest).decode()}'; "
        "base-uri 'none'; form-action 'none'"
    )
    body = "".join(draw_svg(figure, style="") for figure in figures)
    title = figures[0].title if len(figures) == 1 else f"{len(figures)} connections"
    return (
        "<!DOCTYPE html>\n"
        '<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{escaped(title)}</title>\n<style>{PAGE_STYLE}</style>\n"
        f"</head>\n<body>\n{body}</body>\n</html>\n"
    )
