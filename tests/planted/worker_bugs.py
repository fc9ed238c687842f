"""Known bugs of the feed, the consumers of the log, and the tasks of processes."""

from __future__ import annotations

from typing import Final

from tests.planted.bug import Bug

PROCESSES, STORE = "tests/application/processes", "tests/infrastructure/test_tasks.py"
TASKS = "infrastructure/postgres/tasks.py"
FEED_FILE = "infrastructure/event_store/feed.py"
FEED = "tests/infrastructure/test_feed.py tests/infrastructure/test_feed_on_postgres.py"
FOLLOWING_FILE = "infrastructure/workers/following.py"
FOLLOWING = "tests/infrastructure/test_following.py"

WORKER_BUGS: Final = [
    Bug("an unbounded wait for NOTIFY", "infrastructure/event_store/notifications.py",
        "timeout=seconds, stop_after=1", "timeout=3600, stop_after=1", FEED),
    Bug("a gap in a page of the followed topics goes unnoticed",
        "infrastructure/event_store/postgres_log.py",
        "if last - after != count:", "if False:", FEED),
    Bug("two feeds mix their positions", FEED_FILE,
        "        self._window: deque[Page] = deque()\n        self._reading",
        "        self._window = Feed.__dict__.get('shared') or deque()\n"
        "        setattr(Feed, 'shared', self._window)\n        self._reading", FEED),
    Bug("the window repeats events from before the position", FEED_FILE,
        "page.since(after).of(topics)", "page.of(topics)", FEED),
    Bug("a consumer behind the window begins with the window", FEED_FILE,
        "return start is not None and after < start", "return False", FEED),
    Bug("the position is not stored when the log goes quiet", FOLLOWING_FILE,
        "if page.events or (seen > stored and monotonic() >= store_at):", "if page.events:",
        FOLLOWING),
    Bug("a consumer gets topics that it does not follow", FEED_FILE,
        "page.since(after).of(topics)", "page.since(after).events", FEED),
    Bug("a resumed feed begins where it rested", FEED_FILE,
        "            self._position = None\n            self._window.clear()\n", "            pass\n",
        FEED),
    Bug("a listener relies on a feed that is going to rest", FEED_FILE,
        "            with self._changed:\n                if self._position is not None:\n"
        "                    return self._position\n            head",
        "            if self._position is not None:\n                return self._position\n"
        "            head",
        FEED),
    Bug("a task is done before its effect", "application/processes/_performer.py",
        "            ended = self._send(last, self._perform_all(last))\n",
        "            ended = self._perform_all(last)\n"
        "            self._settle(token, last, ended, clock.now)\n"
        "            ended = self._send(last, ended)\n", PROCESSES),
    Bug("command ids are not derived from the task's key", "application/processes/_performer.py",
        'ids.derive("task", name, one.task.key, str(index))', "self._new_id()", PROCESSES),
    Bug("a failed task fails its batch", "application/processes/_performer.py",
        "            if len(tasks) > 1:\n", "            if False:\n", PROCESSES),
    Bug("a command that is refused for now is lost with its task",
        "application/processes/_performer.py",
        "            if refusal.transient:\n", "            if False:\n", PROCESSES),
    Bug("the budget of retries is ignored", "application/processes/_throttle.py",
        "left = max(0, policy.retries_per_minute_max - used)", "left = policy.tasks_max", PROCESSES),
    Bug("the breaker lets every task through", "application/processes/_throttle.py",
        "        return Turn(1, min(1, left), trial=True)\n",
        "        return Turn(policy.tasks_max, left, trial=True)\n", PROCESSES),
    Bug("newly followed events do not count from the beginning",
        "application/processes/_follower.py",
        "if added and starts is Start.BEGINNING:", "if False:", PROCESSES),
    Bug("a task cancelled in its own page is stored", "application/processes/_follower.py",
        "                    tasks.pop(change.key, None)\n", "", PROCESSES),
    Bug("the order of a lane is lost", TASKS,
        "and not parked\n     order by number limit 1) head\n",
        "and not parked\n     order by number desc limit 1) head\n", STORE),
    Bug("tasks of one lane run at the same time", TASKS,
        "and not waits and attempts = 0", "and attempts = 0", STORE),
    Bug("a parked task blocks its lane", TASKS,
        "lane <> '' and not parked\n     order by", "lane <> ''\n     order by", STORE),
    Bug("a lease outlives its worker", TASKS,
        " or (select at from clock)\n"
        "            not between leased_at - %(lease)s and leased_at + %(lease)s)\n",
        "\n            and %(lease)s is not null)\n",
        STORE),
    Bug("a task is settled without its lease", TASKS,
        "key = any(%(keys)s) and token = %(token)s returning key, lane",
        "key = any(%(keys)s) and (token = %(token)s or true) returning key, lane", STORE),
    Bug("a cancel loses the result of a call", TASKS,
        "and key = any(%(keys)s) and token is null returning key, lane",
        "and key = any(%(keys)s) returning key, lane", STORE),
    Bug("tasks are stored in another transaction than the position", TASKS,
        "            cursor.execute(_MOVE, (last, process))\n",
        "        with self._locked(process) as (cursor, _):\n"
        "            cursor.execute(_MOVE, (last, process))\n", STORE),
    Bug("a claim is lost in a crash of the database", TASKS,
        "set_config('synchronous_commit', 'on', true)", "set_config('synchronous_commit', 'off', true)",
        STORE),
    Bug("an unknown topic stops the notifier", FEED_FILE,
        "            self._on_unknown(topic)\n",
        "            raise LookupError(topic)\n", "tests/faults/test_halted_loop.py"),
]  # fmt: skip
