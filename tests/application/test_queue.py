"""The queue: bounded, in order, in batches."""

from __future__ import annotations

from uuid import UUID, uuid5

from application.command import Command, Decision, Envelope, Loaded
from application.errors import Overloaded
from application.queue import CommandQueue, QueuedCommand

NAMES = UUID(int=0)


class Nothing(Command):
    """A command that is only queued."""

    def decide(self, loaded: Loaded) -> Decision:
        raise NotImplementedError


def put(queue: CommandQueue, name: str) -> bool | Overloaded:
    envelope = Envelope(command=Nothing(), command_id=uuid5(NAMES, name), actor=name)
    return queue.put(envelope, lambda _: None)


def names(batch: list[QueuedCommand]) -> list[str]:
    return [command.envelope.actor for command in batch]


def filled(*commands: str, **limits: int) -> CommandQueue:
    """A queue of these commands."""
    queue = CommandQueue(**limits)
    for name in commands:
        assert put(queue, name) is False
    return queue


def test_a_batch_is_what_is_queued_in_order_up_to_its_limit() -> None:
    queue = filled("a", "b", "c", batch_max=2)

    assert names(queue.take()) == ["a", "b"]
    assert names(queue.take()) == ["c"]
    assert names(queue.take()) == []


def test_a_full_queue_refuses_and_does_not_count_the_command_as_in_progress() -> None:
    queue = filled("a", queue_max=1)

    assert isinstance(put(queue, "b"), Overloaded)

    [command] = queue.take()
    queue.finish(command)
    assert not queue.in_progress
    assert put(queue, "b") is False


def test_a_command_that_was_put_back_is_next() -> None:
    queue = filled("a", "b")
    first, _ = queue.take()
    put(queue, "c")

    queue.put_back(first)

    assert names(queue.take()) == ["a", "c"]


def test_a_command_is_in_progress_until_it_is_finished() -> None:
    queue = filled("a")
    assert put(queue, "a") is True

    first, second = queue.take()
    queue.finish(first)
    assert queue.in_progress
    queue.finish(second)

    assert not queue.in_progress
