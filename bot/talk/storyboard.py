"""A storyboard told scene by scene: what stands so far, what is left, and the next question. Pure."""

from __future__ import annotations

from decimal import Decimal

from bot import catalog
from bot.catalog import Catalog, Model
from bot.domain import Button, Shot
from bot.errors import UserError
from bot.talk import board, choosing, scenes
from bot.talk.base import action
from bot.talk.values import Answer, Heading, Part, Question, Screen, Small, Text, Wish, Words
from bot.texts import say

# What each dialogue button is called; its name can be typed too.
_LABELS = {
    "done": "talk.done",
    "undo": "talk.undo",
    "picture": "talk.add_picture",
    "cancel": "talk.cancel",
}


def asking(wish: Wish, models: Catalog, language: str, why: str = "") -> Answer:
    """Shows the scenes that stand and asks for the next; `why` tells what was wrong with the last one."""
    parts: list[Part] = [Text(why)] if why else []
    parts.append(Heading(say("talk.storyboard", language)))
    first: list[Button] = []
    if wish.shots:
        total = _sum(wish, _model(wish, models), language)
        parts += [Words(board.scene_lines(wish.shots, language)), Text(total)]
        first = [_button("done", language, "go"), _button("undo", language)]
    if wish.pictures:
        parts.append(Small(say("talk.scene_picture", language)))
    rows = (tuple(first), (_button("picture", language), _button("cancel", language)))
    key = "talk.scene_next" if wish.shots else "talk.scene_first"
    text = say(key, language, n=len(wish.shots) + 1)
    return Answer(
        screen=Screen(tuple(parts), tuple(row for row in rows if row)),
        question=Question("scene", text, {"wish": choosing.wish_data(wish)}),
    )


def _button(choice: str, language: str, style: str = "") -> Button:
    return Button(say(_LABELS[choice], language), action("dlg", choice), style=style)


def choice_in(text: str, language: str) -> str:
    """The dialogue button whose name was typed instead of a scene; "" for none."""
    said = text.strip().strip(".!").lower()
    return next((choice for choice, key in _LABELS.items() if said == say(key, language).lower()), "")


def with_scenes(wish: Wish, text: str, models: Catalog) -> Wish:
    """The wish with the scenes of a text added. Raises UserError for what no storyboard takes."""
    shots = catalog.parse_shots(
        [{"text": shot.text, "seconds": shot.seconds} for shot in (*wish.shots, *scenes.read(text))]
    )
    model = _model(wish, models)
    most = Decimal(wish.choices.get("seconds") or max(model.lengths(), default=0))
    if most and _seconds(shots) > most:
        raise UserError("talk.scene_over", seconds=_plain(_seconds(shots)), most=_plain(most))
    limit = model.shots.shot.max_length if model.shots and model.shots.shot else None
    for shot in shots:
        if limit is not None and len(shot.text) > limit:
            raise UserError("catalog.scene_too_long", actual=len(shot.text), limit=limit)
    return wish.change(shots=shots)


def _model(wish: Wish, models: Catalog) -> Model:
    return (models.named(wish.model) if wish.model else None) or models[choosing.STORYBOARD]


def _seconds(shots: tuple[Shot, ...]) -> Decimal:
    return sum((shot.seconds for shot in shots if shot.seconds is not None), Decimal())


def _sum(wish: Wish, model: Model, language: str) -> str:
    so_far = _seconds(wish.shots)
    total = wish.choices.get("seconds") or next((each for each in model.lengths() if each >= so_far), None)
    if total is not None and not so_far:
        return say("talk.scene_share_all", language, total=total)
    if total is None:
        text = say("talk.scene_sum", language, seconds=_plain(so_far))
    else:
        values = {"seconds": _plain(so_far), "left": _plain(total - so_far), "total": total}
        text = say("talk.scene_left", language, **values)
    if any(shot.seconds is None for shot in wish.shots):
        text = f"{text} {say('talk.scene_share', language)}"
    return text


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"
