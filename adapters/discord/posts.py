"""What delivery says: a job's end, that it is there, that it waits, and where it stands. Pure."""

from __future__ import annotations

from adapters.discord import render
from adapters.discord.routes import is_private
from adapters.discord.sending import Post
from bot import wording
from bot.domain import Button, Job
from bot.ports import Delivery
from bot.talk import Screen, Talk, Text
from bot.texts import say

WORDS_MOST = 300  # of a request, above its video


def end(
    talk: Talk,
    delivery: Delivery,
    language: str,
    *,
    in_sight: bool,
    mention: int | None = None,
    reply_to: int | None = None,
) -> Post:
    """The video, its address where there is no file to send, or why there is none. `in_sight`: others read along."""
    job = delivery.job
    if delivery.video is None:
        screen = talk.failed(job, language, public=in_sight)
        view = render.view(screen, mention=mention, accent=render.ACCENT_FAILED)
        return Post(view, mention=mention, reply_to=reply_to)
    if delivery.file is None:
        screen = talk.link_only(delivery, language)
        view = render.view(screen, mention=mention, accent=render.ACCENT_READY)
        return Post(view, mention=mention, reply_to=reply_to)
    name, description = f"{job.id}.mp4", talk.described(job, language)
    # what is private stays a video without its words, wherever it may be forwarded to
    words = "" if is_private(job) else render.quoted(wording.excerpt(job, WORDS_MOST))
    view = render.view(
        talk.caption(delivery, language),
        clip=render.Clip(f"attachment://{name}", description, words),
        mention=mention,
        accent=render.ACCENT_READY,
    )
    return Post(view, delivery.file, name, description, mention, reply_to)


def notice(talk: Talk, job: Job, asker: int, language: str) -> Post:
    """In public, that what is private is there: without words or picture."""
    return Post(render.view(talk.private_notice(job, language), mention=asker), mention=asker)


def ping(delivery: Delivery, asker: int, language: str, *, hidden: bool = False) -> Post:
    """An edit notifies nobody (discord.md 2), so this does. `hidden`: for the asker's eyes only, and with a way to the
    video, since Discord may have forgotten the message that was edited."""
    screen = Screen((Text(_headline(delivery, language)),))
    if hidden and delivery.video:
        screen = render.with_get(screen, delivery.job.id, language)
    return Post(render.view(screen, mention=asker), mention=asker, hidden=hidden)


def pointer(delivery: Delivery, link: str, language: str) -> Screen:
    """What the card says when the end stands in another message: at `link`, or ("") where nobody else can go."""
    headline = Screen((Text(_headline(delivery, language)),))
    if link:
        label = say("chat.open_video" if delivery.video else "chat.why", language)
        return Screen(headline.parts, ((Button(label, url=link),),))
    return render.with_get(headline, delivery.job.id, language) if delivery.video else headline


def waiting(language: str) -> Post:
    """Stands where a video is being uploaded."""
    return Post(render.plain(say("chat.arriving", language)))


def _headline(delivery: Delivery, language: str) -> str:
    if delivery.gift:
        return say("chat.gift", language)
    return say("chat.ready" if delivery.video else "chat.failed", language)
