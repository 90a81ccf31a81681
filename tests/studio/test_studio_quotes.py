"""Asking the price: drafts, offers in a dead model's place, changes, and the content gate before anything is held."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.files import drop, exists, names
from support.house import ADA, BOB, House, open_house

from bot.domain import ChatRef, Picture, Request, UserRef
from bot.errors import UserError
from bot.store import drafts
from bot.studio import Ask, Quoted, Unavailable

DEAD = "sora-2-text-to-video"


async def offered(house: House, who: UserRef = ADA, key: str = "dead:1", **choices: Any) -> Unavailable:
    request = Request(**{"model": DEAD, "prompt": "a happy dog", **choices})
    found = await house.studio.quote(Ask(who, ChatRef("web", who.external_id), key, request))
    assert isinstance(found, Unavailable)
    return found


async def a_picture(house: House, who: UserRef = ADA, data: bytes = b"a cat") -> Picture:
    return await house.studio.take_picture(who, data)


async def test_the_same_message_twice_gives_the_same_draft(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        first, *others = await asyncio.gather(*(house.quote(key="m1") for _ in range(10)))
        assert {each.draft.id for each in others} == {first.draft.id}
        assert (await house.quote(key="m2")).draft.id != first.draft.id
        assert await house.value("SELECT COUNT(*) FROM drafts") == 2


async def test_one_message_cannot_be_used_for_another_request_or_by_another_user(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.quote(key="m1")
        with pytest.raises(UserError, match="already used for another request"):
            await house.quote(key="m1", prompt="something else")
        with pytest.raises(UserError, match="already used for another request"):
            await house.quote(BOB, key="m1")
        await house.withdraw(DEAD)
        with pytest.raises(UserError, match="already used for another request"):
            await offered(house, BOB, key="m1")


async def test_a_quote_shows_what_is_left_afterwards_and_tells_about_privacy_once(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        first = await house.quote()
        assert first.tell_privacy
        assert first.after == 1000 - first.draft.price
        assert not (await house.quote()).tell_privacy
        assert (await house.quote(BOB)).tell_privacy


async def test_quoting_holds_nothing(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.quote()
        balance = await house.studio.balance(ADA)
        assert (balance.available, balance.held) == (1000, 0)


# --- models that are not active --------------------------------------------------------------------------------------


async def test_a_dead_model_costs_nothing_and_the_offers_carry_the_same_words(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.withdraw(DEAD, "switched off by its maker")
        found = await offered(house)
        assert found.status.reason == "switched off by its maker"
        assert 1 <= len(found.offers) <= 3
        assert [each.draft.n for each in found.offers] == list(range(1, len(found.offers) + 1))
        assert {each.draft.request.prompt for each in found.offers} == {"a happy dog"}
        assert any(each.changes for each in found.offers)
        assert (await house.studio.balance(ADA)).held == 0
        again = await offered(house)
        assert [each.draft.id for each in again.offers] == [each.draft.id for each in found.offers]


async def test_an_offer_for_a_request_with_a_picture_takes_the_picture_over(tmp_path: Path) -> None:
    model = "sora-2-image-to-video"
    async with open_house(tmp_path) as house:
        await house.withdraw(model)
        picture = await a_picture(house)
        found = await offered(house, model=model, first=picture)
        assert found.offers
        job = await house.studio.order(ADA, found.offers[0].draft.id)
        assert job.request.first == picture
        await house.step()
        assert house.kie.uploaded == [picture.sha256]
        _, body, _ = house.kie.sent[0]
        assert f"https://kie.example/{picture.sha256}" in str(body)
        assert "picture:" not in str(body)


async def test_pressing_two_offers_makes_one_job(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.withdraw(DEAD)
        found = await offered(house)
        assert len(found.offers) > 1
        pressed = [house.studio.order(ADA, each.draft.id) for each in found.offers for _ in range(5)]
        made = await asyncio.gather(*pressed)
        assert len({job.id for job in made}) == 1
        assert await house.available() == 1000 - made[0].price
        await house.verify()


async def test_a_model_without_any_stand_in_says_so(tmp_path: Path) -> None:
    model = "sora-watermark-remover"
    async with open_house(tmp_path) as house:
        await house.withdraw(model)
        found = await offered(house, model=model, prompt="", video_url="https://sora.chatgpt.com/p/s_1")
        assert found.offers == ()
        assert await house.value("SELECT COUNT(*) FROM drafts") == 0


async def test_without_a_model_the_default_is_taken_and_one_that_takes_the_picture_if_need_be(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path, default_model="minimax-h3/text-to-video") as house:
        assert (await house.quote(model="")).draft.quote.model == "minimax-h3/text-to-video"
        swapped = (await house.quote(model="", first=await a_picture(house))).draft.quote
        assert swapped.model != "minimax-h3/text-to-video"
        assert "picture:" in str(dict(swapped.input))


# --- changing --------------------------------------------------------------------------------------------------------


async def test_a_change_keeps_the_draft_and_gives_it_its_new_price_and_a_fresh_quarter_of_an_hour(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path) as house:
        first = await house.quote(model="sora-2-text-to-video", seconds=10)
        house.clock.advance(600)
        changed = await house.studio.change(ADA, first.draft.id, seconds=15)
        assert isinstance(changed, Quoted)
        assert changed.draft.id == first.draft.id
        assert changed.draft.price > first.draft.price
        assert changed.draft.expires_at == house.clock.now() + 15 * 60_000
        job = await house.studio.order(ADA, first.draft.id)
        assert (job.price, job.request.seconds) == (changed.draft.price, 15)


async def test_a_draft_that_was_ordered_cannot_be_changed_and_the_answer_names_the_job(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path) as house:
        quoted = await house.quote()
        job = await house.studio.order(ADA, quoted.draft.id)
        with pytest.raises(UserError, match=f"already ordered.*{job.id}"):
            await house.studio.change(ADA, quoted.draft.id, prompt="another")


async def test_a_change_and_an_order_at_the_same_moment_agree_on_one_price(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        for _ in range(5):
            quoted = await house.quote(model="sora-2-text-to-video", seconds=10)
            _, job = await asyncio.gather(
                house.studio.change(ADA, quoted.draft.id, seconds=15),
                house.studio.order(ADA, quoted.draft.id),
                return_exceptions=True,
            )
            draft = await house.store.read(partial(drafts.get, draft_id=quoted.draft.id))
            assert draft is not None
            assert not isinstance(job, BaseException)
            assert (job.price, job.request.seconds) == (draft.price, draft.request.seconds)
            await house.studio.cancel(ADA, job.id)


async def test_a_draft_of_somebody_else_cannot_be_seen_or_changed(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        quoted = await house.quote()
        await house.quote(BOB)
        for call in (house.studio.draft(BOB, quoted.draft.id), house.studio.change(BOB, quoted.draft.id)):
            with pytest.raises(UserError, match="not yours"):
                await call


async def test_a_change_of_a_draft_whose_model_died_says_so(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        quoted = await house.quote(model=DEAD)
        await house.withdraw(DEAD)
        assert isinstance(await house.studio.change(ADA, quoted.draft.id), Unavailable)


async def test_repeating_an_earlier_job_asks_for_the_same_again(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        picture = await a_picture(house)
        job = await house.order(first=picture, prompt="a cat dances")
        await house.end(job.id)
        chat = ChatRef("web", "ada")
        again = await house.studio.repeat(ADA, job.id, chat, "again:1")
        assert isinstance(again, Quoted)
        assert again.draft.request == job.request
        other = await house.studio.repeat(ADA, job.id, chat, "again:2", prompt="a cat sleeps")
        assert isinstance(other, Quoted)
        assert other.draft.request.prompt == "a cat sleeps"
        with pytest.raises(UserError, match="no job"):
            await house.studio.repeat(BOB, job.id, chat, "again:3")
        drop(house.settings.pictures_dir / picture.sha256)
        with pytest.raises(UserError, match="send it again"):
            await house.studio.repeat(ADA, job.id, chat, "again:4")


# --- content and pictures --------------------------------------------------------------------------------------------


async def test_what_is_never_made_is_refused_before_anything_is_held_and_its_words_are_not_kept(
    tmp_path: Path,
) -> None:
    words = "a nude child"
    async with open_house(tmp_path) as house:
        quoted = await house.quote()
        fine = {"model": "veo-3-1:lite"}
        for attempt in (
            house.quote(prompt=words),
            house.quote(prompt="fine", negative_prompt=words),
            house.quote(prompt="fine", extra={"multi": [{"prompt": words}]}),
            house.quote(prompt=words, model="no such model"),
            house.studio.change(ADA, quoted.draft.id, prompt=words),
            house.studio.change(ADA, quoted.draft.id, prompt=words, **fine, seconds=999),
        ):
            with pytest.raises(UserError) as caught:
                await attempt
            assert caught.value.key == "content.refused"
        rows = await house.store.read(lambda tx: tx.all("SELECT * FROM strikes"))
        assert [(row["rule"], row["at"]) for row in rows] == [
            ("sexual content with minors", house.clock.now())
        ] * 6
        assert await house.value("SELECT COUNT(*) FROM drafts") == 1
        everything = await house.store.read(lambda tx: [tuple(row) for row in tx.all("SELECT * FROM drafts")])
        assert words not in str(everything)


async def test_a_picture_can_be_used_again_by_who_sent_it_and_by_nobody_else(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        picture = await a_picture(house)
        assert await house.studio.picture(ADA, picture.sha256) == picture
        for who, sha256 in ((BOB, picture.sha256), (ADA, "0" * 64)):
            with pytest.raises(UserError, match="no longer kept"):
                await house.studio.picture(who, sha256)
        assert names(house.settings.pictures_dir) == [picture.sha256]
        assert exists(house.settings.pictures_dir / picture.sha256)


async def test_a_text_longer_than_any_model_reads_is_refused_before_it_is_looked_through(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path) as house:
        with pytest.raises(UserError, match="30,000 is the most"):
            await house.quote(prompt="dog " * 10_000)
