"""The bot's side of media work: one process a piece, and what becomes of a piece whose process dies."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from support.files import names
from support.media_making import encoded, halves, make_video

from bot.errors import ProviderError, RetryLater, TooLarge, UserError
from bot.media import client
from bot.media.client import MediaWorker

T = TypeVar("T")
ROOT = Path(client.__file__).parents[2]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at its processes through /proc")


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[MediaWorker]:
    worker = MediaWorker(tmp_path)
    yield worker
    await worker.close()
    assert children() == []


@pytest.fixture(scope="module")
def long_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Takes some seconds to fit."""
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    return make_video(path, size=(640, 360), seconds=6, rate=50, noisy=True, bit_rate=20_000_000)


def folder_in(parent: Path, name: str) -> Path:
    (parent / name).mkdir()
    return parent / name


def files_in(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def children(parent: int | None = None) -> list[int]:
    """The media processes of `parent`, else ours."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            status, command = (entry / "stat").read_text(), (entry / "cmdline").read_bytes()
            if (
                int(status.rsplit(")", 1)[1].split()[1]) == (parent or os.getpid())
                and b"bot.media" in command
            ):
                found.append(int(entry.name))
    return found


async def until(look: Callable[[], T], seconds: float = 10) -> T:
    for _ in range(int(seconds * 200)):
        if found := look():
            return found
        await asyncio.sleep(0.005)
    raise AssertionError(f"waited {seconds} s in vain")


def has_settled_in(pid: int) -> bool:
    """Whether it ignores Ctrl-C, which is the first thing it does."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    ignored = next(line for line in lines if line.startswith("SigIgn")).split()[1]
    return bool(int(ignored, 16) & 1 << (signal.SIGINT - 1))


def is_warm(pid: int) -> bool:
    """Whether it has loaded everything and waits for work."""
    with contextlib.suppress(OSError):
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        return state == "S" and "libavcodec" in Path(f"/proc/{pid}/maps").read_text()
    return False


def megabytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split("kB")[0]) >> 10


def environment(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


def open_files(pid: int) -> set[str]:
    """What its descriptors lead to: `pipe`, or the path of a file."""
    return {str(each.readlink()).split(":")[0] for each in Path(f"/proc/{pid}/fd").iterdir()}


def names_in(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def content_of(file: Path) -> bytes:
    return file.read_bytes()


def cut_in_half(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def start_a_bot(*arguments: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", PARENT, *arguments], cwd=ROOT)


async def spare_of(worker: MediaWorker) -> int:
    await worker.warm()
    pid = (await until(children))[0]
    await until(lambda: is_warm(pid))
    return pid


# --- what it does ------------------------------------------------------------------------------------------------


async def test_a_picture_is_cleaned_and_stored(worker: MediaWorker, tmp_path: Path) -> None:
    picture = await worker.picture(encoded(halves(), "BMP"), "holiday.mp4")
    assert (picture.mime, picture.width, picture.height) == ("image/jpeg", 320, 240)
    assert (tmp_path / "pictures" / picture.sha256).stat().st_size == picture.size


async def test_a_wrong_name_makes_no_video_a_picture(worker: MediaWorker, tmp_path: Path) -> None:
    video = make_video(tmp_path / "video.mp4", seconds=0.5).read_bytes()
    with pytest.raises(UserError, match="That is a video"):
        await worker.picture(video, "picture.jpg")


async def test_a_file_too_big_to_look_at_is_refused(
    worker: MediaWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MAX_PICTURE_BYTES", 1000)
    with pytest.raises(UserError, match="too big a file"):
        await worker.picture(bytes(1001))


async def test_where_models_take_no_png_none_is_made(tmp_path: Path) -> None:
    worker = MediaWorker(tmp_path, mimes=["image/jpeg"])
    assert (await worker.picture(encoded(halves(), "PNG"))).mime == "image/jpeg"
    await worker.close()


async def test_a_video_is_made_ready_and_fitted(worker: MediaWorker, tmp_path: Path) -> None:
    source = make_video(tmp_path / "job.mp4.part", sound=True)
    video = await worker.video(source, tmp_path / "job.mp4")
    assert (video.file, video.thumbnail, video.sound) == ("job.mp4", "job.jpg", True)
    fitted = await worker.fit(tmp_path / "job.mp4", tmp_path / "fit.mp4", 100_000)
    assert fitted.size == (tmp_path / "fit.mp4").stat().st_size <= 100_000


async def test_the_last_frame_of_a_video_becomes_a_picture_like_any_other(
    worker: MediaWorker, tmp_path: Path
) -> None:
    picture = await worker.last_frame(make_video(tmp_path / "job.mp4", size=(320, 180)))
    assert (picture.mime, picture.width, picture.height) == ("image/png", 320, 180)
    content = content_of(tmp_path / "pictures" / picture.sha256)
    assert hashlib.sha256(content).hexdigest() == picture.sha256
    assert len(content) == picture.size
    assert names_in(tmp_path / "pictures") == [picture.sha256]


async def test_a_file_without_a_last_frame_is_refused_in_words(worker: MediaWorker, tmp_path: Path) -> None:
    source = make_video(tmp_path / "job.mp4", seconds=0.5)
    cut_in_half(source)
    with pytest.raises(UserError, match="incomplete"):
        await worker.last_frame(source)


async def test_a_folder_named_relatively_is_the_same_folder_for_the_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    worker = MediaWorker(Path("data"))
    make_video(folder_in(tmp_path, "data") / "job.mp4.part")
    await worker.video(Path("data/job.mp4.part"), Path("data/job.mp4"))
    await worker.fit(Path("data/job.mp4"), Path("data/fit.mp4"), 100_000)
    await worker.close()
    assert [file.name for file in files_in(tmp_path / "data")] == ["fit.jpg", "fit.mp4", "job.jpg", "job.mp4"]


async def test_what_is_no_video_is_the_providers_error(worker: MediaWorker, tmp_path: Path) -> None:
    source = tmp_path / "job.part"
    source.write_bytes(b"<html>expired</html>")
    with pytest.raises(ProviderError, match="not an MP4") as caught:
        await worker.video(source, tmp_path / "job.mp4")
    assert caught.value.code == 0


async def test_what_cannot_be_fitted_decently_is_too_large(worker: MediaWorker, tmp_path: Path) -> None:
    source = make_video(tmp_path / "job.mp4")
    with pytest.raises(TooLarge) as caught:
        await worker.fit(source, tmp_path / "fit.mp4", 1000)
    assert caught.value.limit == 1000


async def test_a_fit_that_takes_too_long_is_given_up(
    worker: MediaWorker, tmp_path: Path, long_video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "FIT_SECONDS", 0.5)
    with pytest.raises(TooLarge):
        await worker.fit(long_video, tmp_path / "fit.mp4", 2_000_000)
    assert names_in(tmp_path) == []


async def test_many_pieces_at_once_all_get_their_turn(worker: MediaWorker, tmp_path: Path) -> None:
    data = [encoded(halves(100 + each, 100), "PNG") for each in range(6)]
    most = 0

    async def count() -> None:
        nonlocal most
        while True:
            most = max(most, len(children()))
            await asyncio.sleep(0.01)

    counting = asyncio.create_task(count())
    made = await asyncio.gather(*(worker.picture(each) for each in data))
    counting.cancel()
    assert [each.width for each in made] == [100 + each for each in range(6)]
    assert 1 <= most <= 2


# --- the spare ---------------------------------------------------------------------------------------------------


async def test_a_warm_spare_takes_the_next_piece_and_is_replaced(worker: MediaWorker, tmp_path: Path) -> None:
    source = make_video(tmp_path / "clip.mp4", size=(1280, 720), seconds=10, sound=True, front=True)

    async def timed() -> float:
        shutil.copy(source, tmp_path / "job.part")
        start = time.perf_counter()
        await worker.video(tmp_path / "job.part", tmp_path / "job.mp4")
        return 1000 * (time.perf_counter() - start)

    cold = await timed()
    assert children() == []
    pid = await spare_of(worker)
    memory = megabytes(pid)
    warm = await timed()
    print(f"\n10 s of 720p: cold {cold:.0f} ms, warm {warm:.0f} ms; the spare holds {memory} MB")
    assert pid not in children()
    assert await until(children)


async def test_an_idle_bot_keeps_no_spare(tmp_path: Path) -> None:
    worker = MediaWorker(tmp_path, idle_seconds=0.3)
    await worker.warm()
    assert await until(children)
    assert await until(lambda: not children())
    await worker.close()


async def test_a_spare_that_died_is_not_used(worker: MediaWorker) -> None:
    pid = await spare_of(worker)
    os.kill(pid, signal.SIGKILL)
    await until(lambda: pid not in children())
    await asyncio.sleep(0.05)
    assert (await worker.picture(encoded(halves(), "PNG"))).width == 320


async def test_a_closed_worker_starts_nothing(tmp_path: Path) -> None:
    worker = MediaWorker(tmp_path)
    await worker.warm()
    await worker.close()
    await worker.warm()
    with pytest.raises(RetryLater):
        await worker.picture(encoded(halves(), "PNG"))
    assert children() == []


# --- death -------------------------------------------------------------------------------------------------------


async def test_a_killed_process_means_try_again_later(
    worker: MediaWorker, tmp_path: Path, long_video: Path
) -> None:
    fitting = asyncio.create_task(worker.fit(long_video, tmp_path / "fit.mp4", 2_000_000))
    await until(lambda: list(tmp_path.glob("*.part")))
    os.kill(children()[0], signal.SIGKILL)
    with pytest.raises(RetryLater, match="ended from outside"):
        await fitting
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("do", ["picture", "video"])
async def test_a_file_that_crashes_the_decoder_is_refused(
    worker: MediaWorker, tmp_path: Path, do: str
) -> None:
    pid = await spare_of(worker)
    os.kill(pid, signal.SIGSTOP)
    source = make_video(tmp_path / "job.part", seconds=0.5)
    piece = worker.picture(encoded(halves(), "PNG")) if do == "picture" else worker.video(source, source)
    doing = asyncio.ensure_future(piece)
    await asyncio.sleep(0.05)
    os.kill(pid, signal.SIGSEGV)
    os.kill(pid, signal.SIGCONT)
    with pytest.raises(UserError if do == "picture" else ProviderError, match="damaged"):
        await doing


async def test_work_called_off_ends_its_process(
    worker: MediaWorker, tmp_path: Path, long_video: Path
) -> None:
    fitting = asyncio.create_task(worker.fit(long_video, tmp_path / "fit.mp4", 2_000_000))
    await until(lambda: list(tmp_path.glob("*.part")))
    fitting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fitting
    assert children() == []
    assert names_in(tmp_path) == []


async def test_closing_ends_the_pieces_under_way(tmp_path: Path, long_video: Path) -> None:
    worker = MediaWorker(tmp_path)
    await worker.warm()
    fitting = asyncio.create_task(worker.fit(long_video, tmp_path / "fit.mp4", 2_000_000))
    await until(lambda: list(tmp_path.glob("*.part")))
    await worker.close()
    assert children() == []
    with pytest.raises(RetryLater):
        await fitting


PARENT = """
import asyncio, sys
from pathlib import Path
from bot.media.client import MediaWorker

async def main():
    worker = MediaWorker(Path(sys.argv[2]))
    await worker.warm()
    await worker.fit(Path(sys.argv[1]), Path(sys.argv[2]) / "fit.mp4", 2_000_000)

asyncio.run(main())
"""


async def test_the_death_of_the_bot_ends_its_processes(tmp_path: Path, long_video: Path) -> None:
    parent = start_a_bot(long_video, tmp_path)
    await until(lambda: list(tmp_path.glob("*.part")))
    orphans = children(parent.pid)
    assert len(orphans) == 2
    parent.kill()
    parent.wait()
    await until(lambda: not any(alive(each) for each in orphans))


@pytest.mark.parametrize("parent", ["dead", "alive"])
async def test_a_process_whose_bot_died_before_it_was_ready_does_nothing(tmp_path: Path, parent: str) -> None:
    """What it is to do was waiting for it all the same."""
    payload = encoded(halves(), "PNG")
    work = {"do": "picture", "bytes": len(payload), "folder": str(tmp_path), "png": True}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot.media", "1" if parent == "dead" else str(os.getpid())),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin
    assert process.stdout
    process.stdin.write(json.dumps({**work, "max_bytes": 10**7, "max_side": 2000}).encode() + b"\n" + payload)
    answer = await process.stdout.readline()
    process.stdin.close()
    await process.wait()
    assert (bool(answer), len(names(tmp_path))) == ((False, 0) if parent == "dead" else (True, 1))


def alive(pid: int) -> bool:
    try:
        return not Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].startswith(" Z")
    except OSError:
        return False


async def test_the_end_of_stdin_alone_ends_a_process_at_work(tmp_path: Path, long_video: Path) -> None:
    process = await client._start()
    assert process.stdin
    target = tmp_path / "fit.mp4"
    work = (
        f'{{"do": "fit", "bytes": 0, "source": "{long_video}", "target": "{target}", "max_bytes": 2000000}}'
    )
    process.stdin.write(work.encode() + b"\n")
    await until(lambda: list(tmp_path.glob("*.part")))
    process.stdin.close()
    assert await asyncio.wait_for(process.wait(), 1) == 1


# --- what it may do ----------------------------------------------------------------------------------------------


async def test_a_media_process_holds_no_secret_and_no_file_of_the_bot(
    worker: MediaWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIE_API_KEY", "a-secret")
    with (tmp_path / "open.db").open("wb") as file:
        os.set_inheritable(file.fileno(), True)
        pid = await spare_of(worker)
        assert b"a-secret" not in environment(pid)
        assert open_files(pid) <= {"pipe", "/dev/null"}


async def test_ctrl_c_and_a_stop_signal_leave_a_piece_to_its_end(worker: MediaWorker) -> None:
    pid = await spare_of(worker)
    await until(lambda: has_settled_in(pid))
    assert os.getsid(pid) == pid
    os.kill(pid, signal.SIGINT)
    os.kill(pid, signal.SIGTERM)
    assert (await worker.picture(encoded(halves(), "PNG"))).width == 320


def test_memory_is_bounded_in_a_media_process() -> None:
    greedy = "from bot.media.__main__ import limit; limit('picture'); bytearray(2 << 30)"
    ended = subprocess.run(
        [sys.executable, "-c", greedy], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "MemoryError" in ended.stderr


def test_endless_work_is_ended_by_the_kernel() -> None:
    busy = "from bot.media import __main__ as m; m.CPU_SECONDS['picture'] = 1; m.limit('picture')\nwhile True: pass"
    ended = subprocess.run([sys.executable, "-c", busy], cwd=ROOT, capture_output=True, check=False)
    assert ended.returncode == -signal.SIGXCPU


def test_the_bot_itself_never_loads_the_heavy_libraries() -> None:
    names = "import sys, bot.media.client; print(*{'av', 'PIL', 'pillow_heif'} & set(sys.modules))"
    ended = subprocess.run(
        [sys.executable, "-c", names], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ended.stdout == "\n"
