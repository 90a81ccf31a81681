"""`kiebot db`: bring the database to this version, back it up, restore it."""

from __future__ import annotations

import argparse
from pathlib import Path

from bot.cli import opening, terminal
from bot.errors import UserError
from bot.texts import say


def database(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar=say("cli.action"), required=True)
    lines = {
        "migrate": (say("cli.help_db_migrate"), _migrate),
        "backup": (say("cli.help_db_backup"), _backup),
        "restore": (say("cli.help_db_restore"), _restore),
    }
    for name, (line, run) in lines.items():
        action = actions.add_parser(name, help=line, description=line)
        if name != "migrate":
            action.add_argument("file", type=Path, metavar="FILE", help=say("cli.help_backup_file"))
        if name == "restore":
            action.add_argument("--force", action="store_true", help=say("cli.help_force"))
        opening.add_data(action)
        action.set_defaults(run=run)


def _migrate(args: argparse.Namespace) -> int:
    from bot.app import prepare
    from bot.store import schema

    found = opening.settings_of(args)
    before = schema.version(found.database_path)
    prepare(found)
    key = "cli.migrated" if before != schema.latest() else "cli.up_to_date"
    terminal.line(say(key, file=found.database_path, before=before, now=schema.latest()))
    return 0


def _backup(args: argparse.Namespace) -> int:
    from bot.store import backup

    path = opening.settings_of(args).database_path
    if not path.exists():
        raise UserError("cli.no_database", file=path)
    size = backup.backup(path, args.file)
    terminal.line(say("cli.backed_up", file=args.file, kb=max(1, size // 1000)))
    return 0


def _restore(args: argparse.Namespace) -> int:
    from bot.clock import SystemClock
    from bot.store import backup

    path = opening.settings_of(args).database_path
    aside = backup.restore(args.file, path, args.force, SystemClock().now())
    terminal.line(say("cli.restored", file=args.file))
    if aside:
        terminal.line(say("cli.replaced", file=aside))
    return 0
