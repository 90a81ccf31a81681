"""While the bot notices that the clock was set, others go on writing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.house import BOB, open_house

from bot.domain import Video
from bot.store import Tx

HOUR, DAY = 3600.0, 86_400.0


@pytest.mark.parametrize("jump", [8 * HOUR, -8 * HOUR, 32 * DAY, -DAY])
async def test_what_is_ordered_while_the_jump_is_being_noticed_counts_from_then(
    tmp_path: Path, jump: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_house(tmp_path) as house:
        await house.step()
        house.clock.set(jump)
        move, ordered = house.store.write, []

        async def after_an_order(fn: Callable[[Tx], Any]) -> Any:
            monkeypatch.undo()
            house.clock.advance(0.002)
            ordered.append(await house.order(BOB))
            return await move(fn)

        monkeypatch.setattr(house.store, "write", after_an_order)
        await house.step()
        assert (await house.job(ordered[0].id)).created_at == ordered[0].created_at
        (done,) = await house.end(ordered[0].id)
        assert isinstance(done.outcome, Video)
