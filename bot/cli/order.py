"""From the words of `kiebot make` to an order: the request, its price shown, agreed to, and offers for dead models."""

from __future__ import annotations

import argparse
import asyncio
import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from bot import catalog, wording
from bot.cli import opening, shapes, terminal
from bot.domain import ChatRef, Job, ModelState, Picture, Quote, Request, Shot, new_id
from bot.errors import Stale, UserError
from bot.studio import TERMINAL_OPERATOR, Ask, Quoted, Unavailable
from bot.texts import in_credits, say

if TYPE_CHECKING:
    from bot.app import Bot, Core

Files = Mapping[str, Path]
IMAGE_MOST = 50_000_001  # bytes; one more than what is taken, so that a larger one is refused as such
REMOVER = "sora-watermark-remover"  # the one model on sale that starts from a video


# --- the request -------------------------------------------------------------------------------------------------


async def request_of(core: Core, args: argparse.Namespace) -> tuple[Request, Files]:
    """The request in the command's words, and which file each picture (by hash) came from. Raises UserError."""
    files: dict[str, Path] = {}

    async def picture(file: Path) -> Picture:
        data = await asyncio.to_thread(_read, file)
        taken = await core.studio.take_picture(TERMINAL_OPERATOR, data, file.name)
        files[taken.sha256] = file
        return taken

    images = [await picture(file) for file in args.image]
    request = Request(
        model=args.model or (REMOVER if args.video else ""),
        prompt=args.prompt,
        last=await picture(args.last_image) if args.last_image else None,
        shots=tuple(map(_shot, args.shot)),
        video_url=args.video,
        aspect=args.aspect,
        seconds=args.seconds,
        quality=args.quality,
        sound=None if args.sound is None else args.sound == "on",
        remove_watermark=None if args.watermark is None else args.watermark == "remove",
        seed=args.seed,
        negative_prompt=args.negative,
        extra=dict(args.set),
    )
    return _with_images(core.studio.catalog, request, images), files


def _read(file: Path) -> bytes:
    try:
        if file.exists() and not file.is_file():
            raise UserError("cli.no_image", file=file, problem=say("cli.no_file"))
        with file.open("rb") as reading:
            return reading.read(IMAGE_MOST)
    except OSError as error:
        raise UserError("cli.no_image", file=file, problem=error.strerror) from error


def _shot(text: str) -> Shot:
    """`7.5|text`, or a text alone, which shares the time that the others leave."""
    seconds, bar, words = text.partition("|")
    try:
        return Shot(words, Decimal(seconds.strip())) if bar else Shot(text)
    except InvalidOperation:
        return Shot(text)


def _with_images(models: catalog.Catalog, request: Request, images: Sequence[Picture]) -> Request:
    """The first picture begins the video, the others guide it; all of them guide a model that knows no first one."""
    if not images:
        return request
    framed = request.change(first=images[0], references=tuple(images[1:]))
    guided = request.change(references=tuple(images))
    if not request.model or catalog.fits(models.choose(request.model, framed), framed):
        return framed
    return guided if catalog.fits(models.choose(request.model, guided), guided) else framed


# --- its price ---------------------------------------------------------------------------------------------------


async def show_price(core: Core, args: argparse.Namespace) -> None:
    """The price and KIE's exact body, for a model that is not active too, with a word about that."""
    request, files = await request_of(core, args)
    result = await core.studio.quote(_ask(request, ""))
    notice = ""
    if isinstance(result, Quoted):
        quote = result.draft.quote
    else:
        model = core.studio.catalog[result.model]
        quote = catalog.quote(model, request.change(model=model.id), core.settings.price_markup)
        notice = "" if args.sandbox else _why(result)
    names = {sha256: f"({file.name}, once it is uploaded)" for sha256, file in files.items()}
    body = {"model": quote.kie_model, "input": catalog.with_addresses(quote.input, names)}
    if opening.wants_json(args):
        terminal.document({**shapes.quote(quote, body), "notice": notice})
        return
    _card(core, quote, None, sys.stdout)
    if notice:
        terminal.line(notice)
    terminal.line(json.dumps(body, ensure_ascii=False, indent=2))


def _ask(request: Request, address: str) -> Ask:
    chat = ChatRef(TERMINAL_OPERATOR.platform, address, private=True)
    return Ask(TERMINAL_OPERATOR, chat, f"cli:{new_id(16)}", request)


def _card(core: Core, quote: Quote, usual: tuple[float, float] | None, to: TextIO) -> None:
    terminal.pairs(wording.describe(quote, core.studio.name_of(quote.model), usual=usual), to)
    terminal.line(quote.rule, to)
    for note in quote.notes:
        terminal.line(note, to)


# --- the order ---------------------------------------------------------------------------------------------------


async def order(core: Core, args: argparse.Namespace, address: str, bot: Bot | None) -> Job:
    """Quote, ask unless told not to, and order. Raises UserError; nothing is held then."""
    request, files = await request_of(core, args)
    if bot:
        # An account that was empty may have been topped up since.
        await bot.keeper.try_gates()
    ask = _ask(request, address)
    result = await core.studio.quote(ask)
    if isinstance(result, Unavailable) and bot and not args.sandbox:
        # KIE may offer it again since we last heard.
        await core.office.refresh_models(bot.kie)
        result = await core.studio.quote(ask)
    while True:
        if isinstance(result, Unavailable):
            quoted = await _take_offer(core, result, args, files)
        else:
            quoted = result
            await _agree(core, quoted, args)
        try:
            return await core.studio.order(TERMINAL_OPERATOR, quoted.draft.id)
        except Stale as stale:
            # Whoever was asked took their time.
            terminal.complain(stale.text())
            result = await core.studio.change(TERMINAL_OPERATOR, quoted.draft.id)


async def _agree(core: Core, quoted: Quoted, args: argparse.Namespace) -> None:
    """Show the price, and ask unless told not to. Raises UserError when it is not agreed to."""
    if not opening.wants_json(args) or terminal.someone_is_there():
        to = sys.stderr if opening.wants_json(args) else sys.stdout
        _card(core, quoted.draft.quote, quoted.usual, to)
    if args.yes or args.sandbox:
        return
    price = in_credits(quoted.draft.price)
    if not terminal.someone_is_there():
        raise UserError("cli.needs_yes", price=price)
    if not await terminal.agrees(say("cli.agree", price=price)):
        raise UserError("cli.declined")


# --- offers ------------------------------------------------------------------------------------------------------


async def _take_offer(core: Core, result: Unavailable, args: argparse.Namespace, files: Files) -> Quoted:
    """The offer that a person chooses. Raises UserError, with each offer as a command to type, if nobody does."""
    offers = [(each, _command(each.draft.request, args, files)) for each in result.offers]
    if opening.wants_json(args):
        terminal.document(
            {
                "model": result.model,
                "state": result.status.state,
                "since": result.status.since,
                "reason": result.status.reason,
                "offers": [shapes.offer(each, command) for each, command in offers],
            }
        )
        raise UserError("cli.not_active", why=_why(result))
    asking = bool(offers) and terminal.someone_is_there()
    if asking:
        terminal.line(_why(result))
    if offers:
        terminal.line(say("cli.offers"))
    for number, (each, command) in enumerate(offers, start=1):
        facts = [core.studio.name_of(each.draft.quote.model), in_credits(each.draft.price), *each.changes]
        terminal.line(f"  {number}. {' · '.join(facts)}")
        terminal.line(f"     {command}")
    if asking:
        return await _chosen(result)
    raise UserError("cli.not_active", why=_why(result))


async def _chosen(result: Unavailable) -> Quoted:
    typed = await terminal.ask(say("cli.choose", last=len(result.offers)))
    if not typed.isdecimal() or not 1 <= int(typed) <= len(result.offers):
        raise UserError("cli.declined")
    return result.offers[int(typed) - 1]


def _why(result: Unavailable) -> str:
    status = result.status
    key = "cli.is_paused" if status.state is ModelState.PAUSED else "cli.is_retired"
    return say(key, model=result.name, since=status.since or "?", reason=status.reason).strip()


def _command(request: Request, args: argparse.Namespace, files: Files) -> str:
    """The command that asks for exactly this."""
    words: list[str] = ["kiebot", "make"]
    if request.prompt:
        words.append(request.prompt)
    choices: list[tuple[str, Any]] = [
        ("--model", request.model),
        *(("--image", files[each.sha256]) for each in (request.first, *request.references) if each),
        ("--last-image", files[request.last.sha256] if request.last else None),
        *(("--shot", _written(shot)) for shot in request.shots),
        ("--video", request.video_url),
        ("--seconds", request.seconds),
        ("--aspect", request.aspect),
        ("--quality", request.quality),
        ("--sound", _switch(request.sound, "on", "off")),
        ("--watermark", _switch(request.remove_watermark, "remove", "keep")),
        ("--seed", request.seed),
        ("--negative", request.negative_prompt),
        *(("--set", f"{name}={value}") for name, value in request.extra.items()),
        ("-o", args.output),
        ("--data", getattr(args, "data", None)),
    ]
    for name, value in choices:
        if value is not None:
            words += [name, str(value)]
    return shlex.join([*words, "--sandbox"] if args.sandbox else words)


def _written(shot: Shot) -> str:
    return shot.text if shot.seconds is None else f"{shot.seconds.normalize():f}|{shot.text}"


def _switch(value: bool | None, yes: str, no: str) -> str | None:
    return None if value is None else yes if value else no
