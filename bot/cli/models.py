"""`kiebot models`: the catalogue with state and price; renewed from KIE, or probed one by one, for free."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bot.cli import opening, terminal
from bot.domain import price_in_credits
from bot.texts import say

if TYPE_CHECKING:
    from bot.app import Core
    from bot.studio import ModelView


def models(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--all", action="store_true", help=say("cli.help_models_all"))
    opening.add_json(parser)
    opening.uses_core(parser, _list)
    actions = parser.add_subparsers(metavar=say("cli.action"))
    line = say("cli.help_models_refresh")
    opening.uses_core(actions.add_parser("refresh", help=line, description=line), _refresh)
    line = say("cli.help_models_probe")
    probe = actions.add_parser("probe", help=line, description=line)
    probe.add_argument("id", nargs="+", metavar="ID", help=say("cli.help_model_id"))
    opening.uses_core(probe, _probe)


async def _list(core: Core, args: argparse.Namespace) -> None:
    from bot.cli import shapes

    found = [each for each in await core.studio.models() if each.sold or args.all]
    if opening.wants_json(args):
        terminal.document([shapes.model(each, core.settings.price_markup) for each in found])
        return
    heads = [say("cli.head_id"), say("cli.head_name"), say("cli.head_state"), say("cli.head_price")]
    rows = [[each.id, each.name, _state(each), _price(core, each)] for each in found]
    if args.all:
        heads.append(say("cli.head_kind"))
        for row, each in zip(rows, found, strict=True):
            row.append(each.kind)
    terminal.table(heads, rows)


def _state(view: ModelView) -> str:
    since = f" {view.status.since}" if view.status.since else ""
    return f"{view.status.state}{since}"


def _price(core: Core, view: ModelView) -> str:
    """What members pay at least; seconds at their exact price, since rounding each up would lie."""
    if view.price_from is None:
        return ""
    price = view.price_from * core.settings.price_markup
    if "second" in view.unit:
        return say("cli.price_second", amount=f"{price.normalize():f}")
    least = price_in_credits(view.price_from, core.settings.price_markup)
    return say("cli.price_from" if view.unit == "video" else "cli.price_image", amount=least)


async def _refresh(core: Core, _: argparse.Namespace) -> None:
    from bot.app import kie_client

    async with kie_client(core.settings, core.clock) as kie:
        changed = await core.office.refresh_models(kie)
    if not changed:
        terminal.line(say("cli.nothing_new"))
    for model in changed:
        terminal.line(say("cli.active_again", model=core.studio.catalog[model].name))


async def _probe(core: Core, args: argparse.Namespace) -> None:
    from bot.app import kie_client

    async with kie_client(core.settings, core.clock) as kie:
        for name in args.id:
            status = await core.office.probe_model(kie, name)
            model = core.studio.catalog.find(name).id
            if status is None:
                terminal.line(say("cli.probe_unknown", model=model))
            else:
                reason = f" ({status.reason})" if status.reason else ""
                terminal.line(f"{model}: {status.state}{reason}")
