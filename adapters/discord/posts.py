"""What delivery says: a job's end, that it is there, that it waits, and where it stands. Pure."""

from __future__ import annotations

from dataclasses import replace

from adapters.discord import render
from adapters.discord.routes import is_private
from adapters.discord.sending import Post
from bot import wording
from bot.domain import Button, Job
from bot.ports import Delivery
from bot.talk import Part, Screen, Small, Talk, Text
from bot.texts import say

WORDS_MOST = 300  # of a request, above its video
# Why an end comes elsewhere than where it was asked: keys of what its asker is told.
NO_RIGHTS, HELD_BACK, GONE = "discord.moved_rights", "discord.moved_filter", "discord.moved_gone"


def end(
    talk: Talk,
    delivery: Delivery,
    language: str,
    *,
    in_sight: bool,
    mention: int | None = None,
    reply_to: int | None = None,
    away: str = "",
) -> Post:
    """The video, its address where there is no file to send, or why there is none. `in_sight`: others read along;
    `away`: why it comes elsewhere. What a filter held back is not said again (discord.md 11)."""
    is_secret = in_sight and is_private(delivery.job)
    job = _wordless(delivery.job) if is_secret or away == HELD_BACK else delivery.job
    more = (Small(say(away, language)),) if away else ()
    if delivery.video is None:
        screen = _with(talk.failed(job, language, public=in_sight), more)
        view = render.view(screen, mention=mention, accent=render.ACCENT_FAILED)
        return Post(view, mention=mention, reply_to=reply_to)
    if delivery.file is None:
        screen = _with(talk.link_only(delivery, language), more)
        view = render.view(screen, mention=mention, accent=render.ACCENT_READY)
        return Post(view, mention=mention, reply_to=reply_to)
    name, description = f"{job.id}.mp4", talk.described(job, language)
    # whoever looks over a shoulder sees no words above what is private; its description is for who cannot see it
    words = "" if is_private(job) else render.quoted(wording.excerpt(job, WORDS_MOST))
    view = render.view(
        _with(talk.caption(delivery, language), more),
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


def _wordless(job: Job) -> Job:
    return replace(job, request=replace(job.request, prompt="", shots=()))


def _with(screen: Screen, more: tuple[Part, ...]) -> Screen:
    return replace(screen, parts=(*screen.parts, *more))


def _headline(delivery: Delivery, language: str) -> str:
    if delivery.gift:
        return say("chat.gift", language)
    return say("chat.ready" if delivery.video else "chat.failed", language)
