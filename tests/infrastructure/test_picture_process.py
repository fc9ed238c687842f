"""Drawing in a process of its own: the same bytes, and a new process for one that died or hangs."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from threading import Thread

import pytest

from application.errors import Overloaded, PosterFontMissing
from application.ports.pictures import CodePicture, Drawing, Poster
from infrastructure.pictures import child
from infrastructure.pictures.drawing import LocalPictures
from infrastructure.pictures.messages import MESSAGE_BYTES_MAX, receive, send
from infrastructure.pictures.process import PictureProcess
from infrastructure.postgres.processes import alive
from tests.support.code_texts import TEXTS

CODE = CodePicture(kind="png", text="A1", scale=40, border=4)


def poster(kind: str, payee: str = "Cafe") -> Poster:
    return Poster(
        kind=kind, size="a6", text=TEXTS["signed address"], payee=payee, label="Till 3",  # type: ignore[arg-type]
        amount="", notice="Check the name before you pay", host="pay.example", test="",
    )  # fmt: skip


@pytest.fixture
def pictures() -> Iterator[PictureProcess]:
    pictures = PictureProcess(seconds_max=60)
    yield pictures
    pictures.close()


def test_another_process_draws_the_same_bytes(pictures: PictureProcess) -> None:
    drawings: list[Drawing] = [CODE, poster("svg"), poster("pdf")]

    drawn = [pictures.draw(drawing) for drawing in drawings]

    assert drawn == [LocalPictures().draw(drawing) for drawing in drawings]
    assert pictures.pid not in {None, os.getpid()}


def test_the_process_starts_with_the_first_drawing_and_ends_when_it_is_closed() -> None:
    pictures = PictureProcess(seconds_max=60)
    before = pictures.pid
    pictures.draw(CODE)
    pid = pictures.pid
    assert before is None
    assert pid is not None
    assert os.getpgid(pid) != os.getpgid(0)

    pictures.close()
    pictures.close()

    assert not alive(pid)


def test_a_refusal_crosses_the_border_and_the_process_goes_on(pictures: PictureProcess) -> None:
    with pytest.raises(PosterFontMissing) as refused:
        pictures.draw(poster("pdf", "山田商店"))

    assert refused.value.facts == {"character": "U+5C71"}
    assert pictures.draw(CODE)


def test_a_bug_is_reported_with_its_traceback_and_the_process_goes_on(
    pictures: PictureProcess,
) -> None:
    pid = (pictures.draw(CODE), pictures.pid)[1]

    with pytest.raises(RuntimeError, match="DataOverflowError"):
        pictures.draw(CodePicture(kind="png", text="x" * 5_000, scale=1, border=4))

    assert pictures.draw(CODE)
    assert pictures.pid == pid


def test_a_process_that_died_is_replaced(pictures: PictureProcess) -> None:
    pictures.draw(CODE)
    assert pictures.pid is not None
    os.kill(pictures.pid, signal.SIGKILL)

    with pytest.raises(Overloaded):
        pictures.draw(CODE)

    assert pictures.draw(CODE) == LocalPictures().draw(CODE)


def test_a_process_that_hangs_is_killed_and_replaced() -> None:
    pictures = PictureProcess(seconds_max=60)
    pictures.draw(CODE)
    pid = pictures.pid
    assert pid is not None
    assert pictures._child is not None
    pictures._child[1].settimeout(0.05)
    os.kill(pid, signal.SIGSTOP)

    with pytest.raises(Overloaded):
        pictures.draw(CODE)

    assert not alive(pid)
    assert pictures.draw(CODE)
    pictures.close()


def test_the_process_ends_when_the_other_end_of_its_socket_is_closed() -> None:
    ours, theirs = socket.socketpair()
    thread = Thread(target=child.serve, args=(theirs, LocalPictures()))
    thread.start()

    ours.close()
    thread.join(60)

    assert not thread.is_alive()
    theirs.close()


def test_a_message_that_is_too_long_or_cut_is_not_read() -> None:
    for sent in ((MESSAGE_BYTES_MAX + 1).to_bytes(4, "big"), b"\0\0", b"\0\0\0\5abc"):
        ours, theirs = socket.socketpair()
        with theirs:
            ours.sendall(sent)
            ours.close()

            with pytest.raises(EOFError):
                receive(theirs)


def test_messages_keep_their_borders() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for message in (b"", b"a", b"b" * 100_000):
            thread = Thread(target=send, args=(ours, message))
            thread.start()
            assert receive(theirs) == message
            thread.join()
