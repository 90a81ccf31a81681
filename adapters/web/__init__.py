"""The local chat page: the whole bot in a browser, for the demo and for an operator's own try-out."""

from adapters.web.chat import WebChat

__all__ = ["WebChat"]
