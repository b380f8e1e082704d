"""The command line: serve (the default), check, and what features add."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable

from app import telemetry
from app.main import FEATURES, NAME, create_service
from app.server import ListenError, serve
from app.service import Service, said_by
from app.settings import SettingsError

Command = Callable[[Service, list[str]], Awaitable[int]]
EX_CONFIG = 78
"""sysexits.h: something is wrong with the settings."""


async def _serve(service: Service, arguments: list[str]) -> int:
    """Serve until SIGTERM or SIGINT: this is the default."""
    await serve(service)
    return 0


async def _check(service: Service, arguments: list[str]) -> int:
    """Say what is wrong with the settings or unreachable, without serving."""
    telemetry.configure(service.config.model_copy(update={"log_level": "CRITICAL"}))
    async with service.running():
        failures = 0
        for name, check in (service.checks | service.inspections).items():
            try:
                await asyncio.wait_for(check(), 5)
            except Exception as error:
                failures += 1
                print(f"{name}: {str(error) or type(error).__name__}".splitlines()[0])
    print("failed" if failures else "ok")
    return int(bool(failures))


def commands() -> dict[str, Command]:
    """Every command by its name."""
    found: dict[str, Command] = {"serve": _serve, "check": _check}
    for more in said_by(FEATURES, "COMMANDS"):
        found |= more
    return found


async def _run(command: Command, arguments: list[str]) -> int:
    service = create_service()
    telemetry.configure(service.config)
    return await command(service, arguments)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # not on Windows
        return None
    return uvloop.new_event_loop


def _summary(command: Command) -> str:
    return (command.__doc__ or "").partition("\n")[0]


def main() -> None:
    known = commands()
    parser = argparse.ArgumentParser(
        prog=NAME,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(f"  {name:12}{_summary(command)}" for name, command in known.items()),
    )
    parser.add_argument("command", nargs="?", default="serve", choices=known, metavar="command")
    parser.add_argument("arguments", nargs="*", help="what the command takes")
    asked = parser.parse_args()
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            sys.exit(runner.run(_run(known[asked.command], asked.arguments)))
    except (SettingsError, ListenError) as error:
        print(error, file=sys.stderr)
        wrong_settings = isinstance(error, SettingsError) and asked.command != "check"
        sys.exit(EX_CONFIG if wrong_settings else 1)


if __name__ == "__main__":
    main()
