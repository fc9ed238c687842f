"""The queue: bounded, in order for each stream, and exclusive between lanes."""

from __future__ import annotations

from uuid import UUID, uuid5

from application.command import Command, Decision, Envelope, Loaded
from application.errors import Overloaded
from application.queue import CROWD_COMMANDS_MIN, CommandQueue, QueuedCommand

NAMES = UUID(int=0)


class Write(Command):
    """A command that writes one stream."""

    def __init__(self, stream: str) -> None:
        self.stream = stream

    @property
    def streams(self) -> tuple[UUID, ...]:
        return (uuid5(NAMES, self.stream),)

    def decide(self, loaded: Loaded) -> Decision:
        raise NotImplementedError


def put(queue: CommandQueue, stream: str, name: str) -> bool | Overloaded:
    envelope = Envelope(command=Write(stream), command_id=uuid5(NAMES, name), actor=name)
    return queue.put(envelope, lambda _: None)


def names(batch: list[QueuedCommand]) -> list[str]:
    return [command.envelope.actor for command in batch]


def filled(*streams: str, lanes: int = 2, **limits: int) -> CommandQueue:
    """A queue of one command for each stream, named by its number."""
    queue = CommandQueue(lanes, **limits)
    for number, stream in enumerate(streams):
        assert put(queue, stream, str(number)) is False
    return queue


def test_one_lane_takes_what_is_queued_in_order_and_at_most_a_batch() -> None:
    queue = filled("a", "b", "a", lanes=1, batch_max=2)

    assert names(queue.take(0)) == ["0", "1"]
    assert names(queue.take(0)) == ["2"]
    assert names(queue.take(0)) == []


def test_a_full_queue_refuses_and_does_not_count_the_command_as_in_progress() -> None:
    queue = filled("a", lanes=1, queue_max=1)

    assert isinstance(put(queue, "b", "b"), Overloaded)

    [command] = queue.take(0)
    queue.finish(command)
    assert not queue.in_progress
    assert put(queue, "b", "b") is False


def test_a_second_lane_takes_nothing_without_a_crowd() -> None:
    queue = filled("a", "b", batch_max=1)
    queue.take(0)

    assert queue.take(1) == []
    assert len(queue) == 1


def test_a_second_lane_skips_what_the_first_excludes_and_what_must_follow_it() -> None:
    others = [f"stream {number}" for number in range(CROWD_COMMANDS_MIN)]
    queue = filled("hot")
    first = queue.take(0)
    for number, stream in enumerate(["hot", "free", "hot", *others], 1):
        put(queue, stream, str(number))

    assert names(first) == ["0"]
    assert names(queue.take(1)) == ["2", *(str(number) for number in range(4, len(others) + 4))]

    queue.release(0)
    queue.release(1)
    assert names(queue.take(0)) == ["1", "3"]  # they have kept their places


def test_two_lanes_never_hold_one_command_id() -> None:
    queue = filled("a")
    queue.take(0)
    assert put(queue, "b", "0") is True
    for number in range(CROWD_COMMANDS_MIN):
        put(queue, f"stream {number}", f"other {number}")

    assert names(queue.take(1)) == [f"other {number}" for number in range(CROWD_COMMANDS_MIN)]


def test_a_command_that_was_put_back_is_next() -> None:
    queue = filled("a", "b", lanes=1)
    first, _ = queue.take(0)
    put(queue, "c", "2")

    queue.put_back(first)

    assert names(queue.take(0)) == ["0", "2"]


def test_a_command_is_in_progress_until_it_is_finished() -> None:
    queue = filled("a", lanes=1)
    assert put(queue, "a", "0") is True

    first, second = queue.take(0)
    queue.release(0)
    assert queue.lanes_are_idle
    queue.finish(first)
    assert queue.in_progress
    queue.finish(second)

    assert not queue.in_progress
