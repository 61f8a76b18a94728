"""Workers on the nodes of Ray: each job is given to one, and to another one if that dies."""

import pickle
import queue
import time
from collections import Counter, deque
from collections.abc import Sequence
from itertools import chain, count
from typing import Any

from hn_assets import __version__
from hn_assets.cluster.node_worker import NodeWorker
from hn_assets.cluster.nodes import NodeFacts, Room, rooms_of
from hn_assets.cluster.ray_process import Link, Task, lost
from hn_assets.cluster.worker_state import Call, WorkerState
from hn_assets.errors import ClusterUnavailableError, WorkerError
from hn_assets.settings.compute import ComputeSettings
from hn_assets.time_limit import START_SECONDS

AHEAD = 3  # calls that wait at each worker, beside the one that it computes
LOOK_SECONDS = 2.0  # between two looks at which nodes there are
PLACING_SECONDS = 30.0  # in which a node that is in use by others may become free
MOST_DEATHS = 3  # of workers in one place, or with one job


class NodeWorkers:
    """Gives jobs to a worker in every room that the nodes have.

    A worker or a node that dies costs the jobs that it had under way: they are given to others, and
    a worker is started anew if there is room.

    Args:
        ray: The module, connected.
        compute: The settings.
        nodes: The nodes to start on.
        events: Pairs of `parent` with what the parent has sent.
        link: To the parent.
    """

    def __init__(
        self,
        ray: Any,
        compute: ComputeSettings,
        nodes: Sequence[NodeFacts],
        events: "queue.SimpleQueue[Any]",
        link: Link,
    ) -> None:
        self._ray, self._compute = ray, compute
        self._events, self._link = events, link
        self._class: Any = ray.remote(NodeWorker)
        self._rooms = [room for node in nodes for room in node.rooms]
        self._workers: list[WorkerState] = []
        self._numbers = count()
        self._cards = nodes[0].rooms[0].has_card

    def run(self, task: Task) -> Task | None:
        """Compute what the parent sends until it sends another task, or None at the end.

        Args:
            task: What the workers do. Those that an earlier task has left are used again.

        Returns:
            What the parent has sent at last.

        Raises:
            ClusterError: No node is left.
            WorkerError: A job cannot be computed, or workers die again and again.
        """
        self._begin(task)
        while True:
            try:
                kind, *content = self._events.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                kind, content = "", []
            if kind == "parent":
                if content[0] is None or isinstance(content[0], Task):
                    return content[0]
                number, job, part = content[0]
                self._waiting.append(Call("compute", (job,), number, part))
            elif kind == "answer":
                self._take_answer(*content)
            if time.monotonic() - self._looked > LOOK_SECONDS:
                self._look_around()
                self._looked = time.monotonic()
            self._hand_out()
            self._tell_who_is_ready()

    def _begin(self, task: Task) -> None:
        self._task = task
        self._jobs_of_part = None if task.parts is None else pickle.loads(task.parts)
        self._waiting: deque[Call] = deque()
        self._deaths: Counter[Any] = Counter()  # by room, and by number of the job
        self._had_workers = self._looked = time.monotonic()
        self._first_ready: float | None = None
        self._has_said_full = False
        self._told: dict[int, bytes] = {}
        for worker in list(self._workers):
            if worker.under_way or worker not in self._workers[: task.most]:
                self._workers.remove(worker)
                self._ray.kill(worker.actor)
            else:
                worker.begin_anew()
                self._call(worker, Call("begin", (task.files,)))
        taken = {worker.room for worker in self._workers}
        rooms = [room for room in self._rooms if room not in taken]
        for room in rooms if task.most is None else rooms[: task.most - len(self._workers)]:
            self._start(room)

    def _start(self, room: Room) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        actor = self._class.options(
            num_cpus=room.cpus,
            num_gpus=1 if room.has_card else 0,
            max_restarts=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(room.node, soft=False),
        ).remote(room.device, room.cpus)
        worker = WorkerState(next(self._numbers), room, actor)
        self._workers.append(worker)
        self._call(worker, Call("begin", (self._task.files,)))

    def _call(self, worker: WorkerState, call: Call) -> None:
        if not worker.under_way:
            worker.heard = time.monotonic()
        worker.under_way.append(call)
        call.ref = getattr(worker.actor, call.method).remote(*call.arguments)
        events = self._events
        call.ref.future().add_done_callback(
            lambda answer: events.put(("answer", worker, call, answer))
        )

    def _take_answer(self, worker: WorkerState, call: Call, answer: Any) -> None:
        if worker not in self._workers:
            return  # it was given up, and the job was given to another one
        error = answer.exception()
        if error is not None:
            if isinstance(error, self._ray.exceptions.RayTaskError):
                raise self._failed(worker, f"{type(error.cause).__name__}: {error.cause}")
            self._lose(worker, str(error).splitlines()[0])
            return
        worker.under_way.remove(call)
        call.ref = None
        worker.heard = time.monotonic()
        result = answer.result()
        if call.method == "begin":
            self._prepare(worker, *result)
        elif call.method == "load":
            if result[0] == "error":
                self._give_up(worker, pickle.loads(result[1]))
                return
            worker.report = result[1]
        elif call.method == "compute":
            kind, content, seconds = result
            if kind == "error":
                raise self._failed(worker, pickle.loads(content))
            worker.slowest = max(worker.slowest, seconds)
            for survived in (call.number, worker.room):
                self._deaths.pop(survived, None)
            if call.number is not None:
                self._link.send("done", call.number, worker.number, content)

    def _prepare(self, worker: WorkerState, version: str, lacks_files: bool) -> None:
        worker.is_placed = True
        if version != __version__:  # of a node that came later
            self._deaths[worker.room] = MOST_DEATHS
            self._lose(worker, f"hn_assets is {version} there, and {__version__} here")
            return
        calls = [Call("load", (self._task.load,))]
        files = self._task.files
        parts = files.parts() if lacks_files and files is not None else iter(())
        sending = (Call("receive", part) for part in parts)
        worker.todo = (call for source in (sending, calls) for call in source)

    def _give_up(self, worker: WorkerState, error: Any) -> None:
        """Go on without a worker that could not load, if others are at work since long."""
        if not self._told:
            raise self._failed(worker, error)
        self._deaths[worker.room] = MOST_DEATHS
        self._lose(worker, f"it could not load: {error}")

    def _failed(self, worker: WorkerState, what: Any) -> Exception:
        """What the parent is to raise: an error that a user can put right as it is."""
        if isinstance(what, Exception):
            return what
        return WorkerError(f"a worker of Ray that {self._task.verb} on {worker.room.place}: {what}")

    def _lose(self, worker: WorkerState, why: str) -> None:
        """Give the jobs of a worker to others."""
        self._workers.remove(worker)
        self._ray.kill(worker.actor)
        jobs = [call for call in worker.under_way if call.number is not None]
        self._waiting.extendleft(reversed(worker.queued))
        self._waiting.extendleft(reversed(jobs))
        again = f"; {len(jobs)} of its jobs are given to others" if jobs else ""
        self._link.send("log", f"a worker of Ray on {worker.room.place} is lost ({why}){again}")
        self._deaths[worker.room] += 1
        if jobs and jobs[0] is worker.under_way[0]:  # it was being computed
            self._deaths[jobs[0].number] += 1
            if self._deaths[jobs[0].number] >= MOST_DEATHS:
                raise WorkerError(
                    f"{MOST_DEATHS} workers of Ray, the last on {worker.room.place}, have ended "
                    f"while they computed the same job: {why}. Out of memory? Their nodes' logs "
                    f"say more (`ray logs`). What was computed before is kept"
                )

    def _look_around(self) -> None:
        """Start workers where one is lacking, and give up those that hang."""
        now = time.monotonic()
        for worker in list(self._workers):
            silent = now - worker.heard
            if worker.is_placed and worker.under_way and silent > worker.patience():
                self._lose(worker, f"it has given no answer for {silent:.0f} s")
        taken = {worker.room for worker in self._workers}
        rooms = [
            room
            for node in self._ray.nodes()
            if node["Alive"]
            for room in rooms_of(node, self._compute, cards=self._cards)
        ]
        for room in rooms:
            has_enough = self._task.most is not None and len(self._workers) >= self._task.most
            if not has_enough and room not in taken and self._deaths[room] < MOST_DEATHS:
                self._start(room)
        if any(worker.is_placed for worker in self._workers):
            self._had_workers = now
        elif not self._has_said_full and now - self._had_workers > PLACING_SECONDS and rooms:
            self._has_said_full = True
            self._link.send("log", "no node of Ray has room for a worker: its cores are in use")
        elif now - self._had_workers > START_SECONDS:
            if rooms:
                raise ClusterUnavailableError(
                    f"no node of Ray has had room for a worker in {START_SECONDS:.0f} s: the cores "
                    f"or cards are in use by other work. Start the run again once they are free, "
                    f"or lower compute.ray.cpus_per_worker"
                )
            raise lost(f"it has had no node to compute on for {START_SECONDS:.0f} s")
        elif rooms and not self._workers:
            raise WorkerError(
                f"the workers of Ray that {self._task.verb} have ended {MOST_DEATHS} times on "
                f"every node: out of memory? The nodes' logs say more (`ray logs`). What was "
                f"computed before is kept"
            )

    def _hand_out(self) -> None:
        """Give every worker as much as it may have."""
        ready = [worker for worker in self._workers if worker.report is not None]
        if ready and self._jobs_of_part is not None:
            while self._waiting:
                self._queue_at_owner(ready, self._waiting.popleft())
        for worker in self._workers:
            while len(worker.under_way) < AHEAD and (call := next(worker.todo, None)) is not None:
                self._call(worker, call)
            while len(worker.under_way) < AHEAD and worker.queued:
                self._call(worker, worker.queued.popleft())
        while ready and self._waiting:
            worker = min(ready, key=lambda worker: len(worker.under_way))
            if len(worker.under_way) >= AHEAD:
                return
            self._call(worker, self._waiting.popleft())

    def _queue_at_owner(self, ready: list[WorkerState], call: Call) -> None:
        """Give a job to the worker that has its part; if none has, to the one with the fewest."""
        assert call.part is not None and self._jobs_of_part is not None
        owner = next((worker for worker in ready if call.part in worker.parts), None)
        if owner is None:
            owner = min(ready, key=lambda worker: len(worker.parts))
            owner.parts.add(call.part)
            jobs = (Call("compute", (pickle.dumps(job),)) for job in self._jobs_of_part(call.part))
            owner.todo = chain(owner.todo, jobs)
        owner.queued.append(call)

    def _tell_who_is_ready(self) -> None:
        """Tell the parent how the workers compute, once all are ready that can soon be."""
        ready = {
            worker.number: worker.report for worker in self._workers if worker.report is not None
        }
        if not ready or ready == self._told:
            return
        if self._first_ready is None:
            self._first_ready = time.monotonic()
        waits = time.monotonic() - self._first_ready < PLACING_SECONDS
        if not self._told and any(
            worker.report is None and (worker.is_placed or waits) for worker in self._workers
        ):
            return
        self._told = ready
        self._link.send("workers", ready)
