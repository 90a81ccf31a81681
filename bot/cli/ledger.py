"""`kiebot credits`: balances, transfers, grants, and whether the ledger's rules hold."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bot.cli import opening, terminal
from bot.errors import UserError
from bot.texts import in_credits, say

if TYPE_CHECKING:
    from bot.app import Core


def ledger(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar=say("cli.action"), required=True)

    def action(name: str, line: str, use: opening.Use) -> argparse.ArgumentParser:
        made = actions.add_parser(name, help=line, description=line)
        opening.add_json(made)
        opening.uses_core(made, use)
        return made

    balance = action("balance", say("cli.help_credits_balance"), _balance)
    history = action("history", say("cli.help_credits_history"), _history)
    grant = action("grant", say("cli.help_credits_grant"), _grant)
    action("verify", say("cli.help_credits_verify"), _verify)
    for each in (balance, history, grant):
        each.add_argument("who", metavar="WHO", help=say("cli.help_who"))
    history.add_argument("--limit", type=opening.limit, metavar="N", help=say("cli.help_limit"))
    grant.add_argument("amount", type=int, metavar="N", help=say("cli.help_amount"))
    grant.add_argument("--reason", required=True, metavar="R", help=say("cli.help_reason"))
    grant.add_argument("--key", metavar="K", help=say("cli.help_key"))


async def _balance(core: Core, args: argparse.Namespace) -> None:
    from bot.cli import shapes
    from bot.office import who_of

    who = who_of(args.who)
    found = await core.office.balance(who)
    if opening.wants_json(args):
        terminal.document(shapes.balance(who, found))
        return
    values = {"price": in_credits(found.available), "held": in_credits(found.held)}
    terminal.line(say("cli.balance_held" if found.held else "cli.balance", **values))


async def _history(core: Core, args: argparse.Namespace) -> None:
    from bot.cli import shapes
    from bot.office import who_of

    who = who_of(args.who)
    account = (await core.office.balance(who)).account
    entries = [shapes.entry(account, each) for each in await core.office.credit_history(who, args.limit)]
    if opening.wants_json(args):
        terminal.document(entries)
        return
    rows = [
        (terminal.moment(each["at"]), f"{each['amount']:+,}", each["reference"], each["reason"])
        for each in entries
    ]
    heads = ("cli.head_time", "cli.head_credits", "cli.head_reference", "cli.head_reason")
    terminal.table([say(head) for head in heads], rows)


async def _grant(core: Core, args: argparse.Namespace) -> None:
    from bot.cli import shapes
    from bot.office import who_of

    who = who_of(args.who)
    now = await core.office.grant(who, args.amount, args.reason, args.key)
    if opening.wants_json(args):
        terminal.document(shapes.balance(who, now))
        return
    terminal.line(say("cli.granted", who=who, price=in_credits(now.available)))


async def _verify(core: Core, args: argparse.Namespace) -> None:
    """Raises UserError that names the broken rules."""
    broken = await core.office.verify()
    if opening.wants_json(args):
        terminal.document({"ok": not broken, "broken": dict(broken)})
    elif not broken:
        terminal.line(say("cli.verified"))
    else:
        for rule, rows in broken.items():
            terminal.line(f"{rule}: {'; '.join(rows)}")
    if broken:
        raise UserError("cli.ledger_broken", rules="; ".join(broken))
