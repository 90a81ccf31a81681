"""`kiebot allow`, `deny`, `access` and `users`: who may use the bot."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bot.cli import opening, terminal
from bot.texts import say

if TYPE_CHECKING:
    from bot.app import Core


def allow(parser: argparse.ArgumentParser) -> None:
    _decide(parser, allowed=True)


def deny(parser: argparse.ArgumentParser) -> None:
    _decide(parser, allowed=False)


def access(parser: argparse.ArgumentParser) -> None:
    opening.add_json(parser)
    opening.uses_core(parser, _access)


def users(parser: argparse.ArgumentParser) -> None:
    opening.add_json(parser)
    opening.uses_core(parser, _users)
    actions = parser.add_subparsers(metavar=say("cli.action"))
    for name, line, use in (
        ("block", say("cli.help_users_block"), _block),
        ("unblock", say("cli.help_users_unblock"), _unblock),
        ("forget", say("cli.help_users_forget"), _forget),
    ):
        action = actions.add_parser(name, help=line, description=line)
        action.add_argument("user", metavar="USER", help=say("cli.help_user"))
        opening.uses_core(action, use)


def _decide(parser: argparse.ArgumentParser, *, allowed: bool) -> None:
    async def decide(core: Core, args: argparse.Namespace) -> None:
        from bot.office import who_of

        who = who_of(args.who)
        await core.office.allow(who, allowed)
        terminal.line(say("cli.allowed" if allowed else "cli.denied", who=who))

    parser.add_argument("who", metavar="WHO", help=say("cli.help_who"))
    opening.uses_core(parser, decide)


async def _access(core: Core, args: argparse.Namespace) -> None:
    decided = await core.office.access()
    if opening.wants_json(args):
        terminal.document(decided)
        return
    terminal.line(say("cli.access_open" if core.settings.access == "open" else "cli.access_closed"))
    words = {True: say("cli.word_allowed"), False: say("cli.word_denied")}
    if decided:
        rows = [(each["who"], words[each["allowed"]], terminal.moment(each["at"])) for each in decided]
        terminal.table((say("cli.head_who"), say("cli.head_access"), say("cli.head_since")), rows)


async def _users(core: Core, args: argparse.Namespace) -> None:
    known = await core.office.users()
    if opening.wants_json(args):
        terminal.document(known)
        return
    blocked = {True: say("cli.word_blocked"), False: ""}
    rows = [(each["user"], terminal.moment(each["since"]), blocked[each["blocked"]]) for each in known]
    terminal.table((say("cli.head_user"), say("cli.head_since"), say("cli.head_access")), rows)


async def _block(core: Core, args: argparse.Namespace, *, blocked: bool = True) -> None:
    from bot.office import user_of

    who = user_of(args.user)
    await core.office.block(who, blocked)
    terminal.line(say("cli.blocked" if blocked else "cli.unblocked", who=who))


async def _unblock(core: Core, args: argparse.Namespace) -> None:
    await _block(core, args, blocked=False)


async def _forget(core: Core, args: argparse.Namespace) -> None:
    from bot.office import user_of

    who = user_of(args.user)
    await core.studio.forget(who)
    terminal.line(say("cli.forgotten", who=who))
