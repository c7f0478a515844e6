"""The page: what happens on a server's connections, live in a browser; and metrics."""

__all__: list[str] = []
