"""The one web server: health, metrics, videos, KIE's callbacks, and whatever adapters mount."""

from bot.web.metrics import Snapshot
from bot.web.server import Mount, WebServer

__all__ = ["Mount", "Snapshot", "WebServer"]
