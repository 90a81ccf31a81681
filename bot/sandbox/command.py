"""`kiebot sandbox`: KIE's API on loopback until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path

from bot.errors import UserError
from bot.sandbox.faults import Faults, known
from bot.texts import say

DEFAULT_PORT = 8788
_INDENT = 26


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `kiebot sandbox`; its help lists every fault."""
    parser.description = say("sandbox.help_about")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _faults_explained()
    add = parser.add_argument
    add("--host", default="127.0.0.1", help=say("sandbox.help_host"))
    add("--port", type=int, default=DEFAULT_PORT, help=say("sandbox.help_port"))
    add("--fault", action="append", default=[], metavar="NAME[=VALUE]", help=say("sandbox.help_fault"))
    add("--speed", type=float, default=1.0, metavar="X", help=say("sandbox.help_speed"))
    add("--credits", type=_amount, default=Decimal(10_000), metavar="N", help=say("sandbox.help_credits"))
    add("--key", action="append", default=[], help=say("sandbox.help_key"))
    add("--webhook-key", metavar="KEY", help=say("sandbox.help_webhook_key"))
    add("--data", type=Path, metavar="DIR", help=say("sandbox.help_data"))


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted. 0 then, 1 when the port cannot be had, 2 for wrong usage."""
    try:
        if args.speed <= 0:
            raise UserError("sandbox.speed_positive")
        faults = Faults(_written(args.fault))
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return asyncio.run(_serve(args, faults))


def _written(faults: Sequence[str]) -> dict[str, str]:
    pairs = [written.partition("=") for written in faults]
    return {name: value for name, _, value in pairs}


async def _serve(args: argparse.Namespace, faults: Faults) -> int:
    from bot.sandbox.options import SandboxOptions
    from bot.sandbox.server import Sandbox

    options = SandboxOptions(
        faults=_written(args.fault),
        speed=args.speed,
        keys=frozenset(args.key) or None,
        webhook_key=args.webhook_key,
        credits=args.credits,
        data=args.data,
    )
    sandbox = Sandbox(options)
    try:
        url = await sandbox.start(args.host, args.port)
    except OSError as error:
        problem = error.strerror or str(error)
        line = say("sandbox.port_taken", host=args.host, port=args.port, problem=problem)
        sys.stderr.write(line + "\n")
        return 1
    try:
        sys.stdout.write("".join(f"{line}\n" for line in _greeting(url, args, faults)))
        sys.stdout.flush()
        await _interrupted()
    finally:
        await sandbox.stop()
    return 0


def _greeting(url: str, args: argparse.Namespace, faults: Faults) -> list[str]:
    lines = [say("sandbox.ready", url=url), say("sandbox.ready_keys" if args.key else "sandbox.ready_key")]
    if faults.written():
        lines.append(say("sandbox.ready_faults", faults=", ".join(faults.written())))
    return lines


async def _interrupted() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(each, stop.set)
    await stop.wait()


def _faults_explained() -> str:
    lines = [say("sandbox.about_faults"), ""]
    for name, text in known().items():
        gap = " " * max(1, _INDENT - len(name))
        lines.append(f"  {name}{gap}{text}".replace("%", "%%"))
    return "\n".join(lines)


def _amount(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise argparse.ArgumentTypeError(text) from None
