"""Who may use the bot: the rule, pure, over what was decided about the user and the community."""

from __future__ import annotations

from bot.errors import UserError


def check(
    *,
    operator: bool,
    blocked: bool,
    user: bool | None,
    community: bool | None,
    is_open: bool,
    local: bool,
    who: str,
) -> None:
    """Raises UserError with how to be let in. `user` and `community` are decisions made: None means none was.

    A block and a denied user outweigh everything but being an operator; a denied community outweighs `open`.
    `local` chats (the terminal, the page behind ADMIN_TOKEN or on loopback) are the operator's own.
    """
    if operator:
        return
    if blocked:
        raise UserError("access.blocked")
    if user is False or (community is False and user is not True):
        raise UserError("access.denied")
    if not (is_open or local or user or community):
        raise UserError("access.closed", who=who)
