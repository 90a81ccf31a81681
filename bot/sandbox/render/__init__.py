"""Draws sandbox clips: a process of its own, so that the server's loop never waits for it."""
