"""kiebot: chat requests become AI videos made by KIE.ai. This package is the core; it knows no chat library."""

__version__ = "0.1.0"
