"""`kiebot sandbox` as a process."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

import httpx
import pytest

from bot.sandbox.command import add_arguments, run
from bot.sandbox.faults import known

ROOT = Path(__file__).parent.parent.parent
PROGRAM = """
import argparse, sys
from bot.sandbox.command import add_arguments, run
parser = argparse.ArgumentParser("kiebot sandbox")
add_arguments(parser)
sys.exit(run(parser.parse_args()))
"""


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser("kiebot sandbox")
    add_arguments(parser)
    return parser.parse_args(arguments)


def test_help_lists_every_fault(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed("--help")
    shown = capsys.readouterr().out
    for name, line in known().items():
        assert f"  {name} " in shown
        assert line in shown


def test_a_misspelt_fault_ends_with_status_2_and_the_nearest_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(parsed("--fault", "sora-withdrawm")) == 2
    assert "sora-withdrawn" in capsys.readouterr().err
    assert run(parsed("--speed", "0")) == 2


def test_importing_the_command_loads_no_heavy_library() -> None:
    import subprocess

    code = "import sys, bot.sandbox.command; sys.exit(bool({'aiohttp', 'av', 'PIL'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


async def test_it_serves_until_it_is_interrupted(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, "--port", "0", "--fault", "empty-account", "--data", str(tmp_path),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    async with asyncio.timeout(20):
        greeting = (await process.stdout.readline()).decode()
        url = greeting.rpartition(" ")[2].strip()
        async with httpx.AsyncClient(headers={"Authorization": "Bearer k"}, trust_env=False) as http:
            answer = await http.get(f"{url}/api/v1/chat/credit")
        assert answer.json() == {"code": 200, "msg": "success", "data": 0}
        rest = b"".join([await process.stdout.readline() for _ in range(2)]).decode()
        assert "empty-account" in rest
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0


async def test_a_taken_port_ends_with_status_1_and_one_line() -> None:
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, "--port", str(port), cwd=ROOT, stderr=asyncio.subprocess.PIPE
    )
    _, complaint = await process.communicate()
    server.close()
    await server.wait_closed()
    assert process.returncode == 1
    assert complaint.decode().count("\n") == 1
    assert str(port) in complaint.decode()
