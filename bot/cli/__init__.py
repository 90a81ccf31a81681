"""The `kiebot` command: finds the one that was asked for, runs it, and says in one line what went wrong."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from bot import __version__
from bot.errors import KiebotError
from bot.texts import say

# Where each command's arguments are added (imported only when it is asked for), and its line in the list.
COMMANDS = {
    "demo": ("bot.cli.demo:demo", "cli.help_demo"),
    "make": ("bot.cli.make:make", "cli.help_make"),
    "run": ("bot.cli.run:run", "cli.help_run"),
    "check": ("bot.cli.check:check", "cli.help_check"),
    "models": ("bot.cli.models:models", "cli.help_models"),
    "credits": ("bot.cli.ledger:ledger", "cli.help_credits"),
    "allow": ("bot.cli.people:allow", "cli.help_allow"),
    "deny": ("bot.cli.people:deny", "cli.help_deny"),
    "access": ("bot.cli.people:access", "cli.help_access"),
    "users": ("bot.cli.people:users", "cli.help_users"),
    "jobs": ("bot.cli.jobs:jobs", "cli.help_jobs"),
    "pause": ("bot.cli.pause:pause", "cli.help_pause"),
    "resume": ("bot.cli.pause:resume", "cli.help_resume"),
    "sandbox": ("bot.cli.run:sandbox", "cli.help_sandbox"),
    "discord": ("bot.cli.discord:discord", "discord.help"),
    "db": ("bot.cli.database:database", "cli.help_db"),
}
FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status (contract.md, `kiebot`)."""
    words = list(sys.argv[1:] if argv is None else argv)
    parser = _parser(words)
    try:
        args = parser.parse_args(words)
        if not hasattr(args, "run"):
            parser.print_help(sys.stderr)
            return WRONG_USAGE
        status: int = args.run(args)
        return status
    except SystemExit as end:  # argparse's own: help, or wrong usage already told
        return end.code if isinstance(end.code, int) else FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has had enough; Python would complain once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KiebotError as error:
        return _failed(str(error))
    except OSError as error:
        return _failed(say("cli.os_error", file=error.filename or "", problem=error.strerror or error))


def _failed(why: str) -> int:
    sys.stderr.write(f"kiebot: {why}\n")
    return FAILED


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """All commands by name; the arguments only of the one in use, so that nothing needless is imported."""
    parser = argparse.ArgumentParser("kiebot", description=say("cli.about"), epilog=say("cli.more"))
    parser.add_argument("--version", action="version", version=f"kiebot {__version__}")
    commands = parser.add_subparsers(metavar=say("cli.command"), title=say("cli.commands"))
    for name, (place, line) in COMMANDS.items():
        command = commands.add_parser(name, help=say(line), description=say(line))
        if name in words[:1]:
            module, function = place.split(":")
            getattr(importlib.import_module(module), function)(command)
    return parser
