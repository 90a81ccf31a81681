"""The one class a chat talks to, put together from its parts."""

from __future__ import annotations

from bot.errors import UserError
from bot.talk.base import parse_action
from bot.talk.cards import Cards
from bot.talk.commands import Commands
from bot.talk.ends import Ends
from bot.talk.operate import Operate
from bot.talk.values import Answer, Asker


class Talk(Cards, Commands, Operate, Ends):
    """Every method may raise UserError (a sentence to show; `Hush`: show nothing) or RetryLater."""

    async def press(self, asker: Asker, action: str) -> Answer:
        """A button, however old. Raises UserError for one that is not the presser's or not of this version."""
        verb, rest = parse_action(action)
        for part in (Cards, Commands, Operate, Ends):
            pressed = part.verbs(self).get(verb)
            if pressed:
                return await pressed(asker, rest)
        raise UserError("talk.old_button")
