"""A lease: which run may publish a stage at the remote place, until it ends or is heard of no more.

The lease of a stage is a small file beside its manifest, which is replaced by conditional writes.
Its holder renews it. Whoever waits for it takes it over after having seen it unchanged, on a clock
of its own, for as long as the lease says, so that clocks of several machines are never compared.
Each new lease has the next fencing number. What its holder writes is refused if the lease is lost.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime, timedelta, timezone
from logging import Logger
from threading import Event, Thread
from typing import Annotated
from uuid import uuid4

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from hn_assets.closing import ClosedAtExit
from hn_assets.errors import LeaseLostError, RemoteStoreError
from hn_assets.store.checked_json import checked_json, with_checksum
from hn_assets.store.conditional_files import Tagged
from hn_assets.store.holder import Holder, in_utc
from hn_assets.store.remote import Remote
from hn_assets.store.waiting import Waiting

LEASE = "lease.json"
LEASE_SECONDS = 60.0  # without a renewal
SECONDS_BETWEEN_LOOKS = 1.0

_warned: set[str] = set()


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class LeaseRecord:
    """What stands in the file of a lease.

    Attributes:
        fencing_number: Grows with each lease of the stage.
        key: Names this lease; no other has it.
        holder: Who holds it, or held it last.
        seconds: For how long it holds after it was taken or renewed.
        valid_until: Until when, by the clock of its holder, for people alone.
        renewals: How often it was renewed.
        released: Whether its holder has given it back.
    """

    fencing_number: Annotated[int, Field(ge=1)]
    key: str
    holder: Holder
    seconds: Annotated[float, Field(gt=0)]
    valid_until: str
    renewals: int = 0
    released: bool = False

    def to_json(self) -> str:
        """Write it as JSON that holds its own checksum."""
        return with_checksum(asdict(self))

    def renewed(self) -> "LeaseRecord":
        """The same, to hold from now on."""
        return replace(self, renewals=self.renewals + 1, valid_until=_end(self.seconds))


class Lease(ClosedAtExit):
    """The lease of a stage while it is held; a thread renews it.

    Args:
        remote: The remote place.
        asset: The folder of the stage there.
        record: What was written when it was taken.
        tag: The tag of that.
        taken_over: Whether the holder before has not given it back.
        log: Takes the warning if it is lost.
    """

    def __init__(
        self,
        remote: Remote,
        asset: str,
        record: LeaseRecord,
        tag: str,
        taken_over: bool,
        log: Logger,
    ) -> None:
        self._remote, self._asset, self._log = remote, asset, log
        self._record, self._tag = record, tag
        self.taken_over = taken_over
        self._ended = Event()
        self._thread = Thread(target=self._keep_renewing, name=f"lease of {asset}", daemon=True)
        self._thread.start()

    @property
    def fencing_number(self) -> int:
        """The number of this lease, larger than that of any lease of the stage before."""
        return self._record.fencing_number

    def verify(self) -> None:
        """Make sure that nobody has taken the lease over.

        Raises:
            LeaseLostError: Somebody has.
            RemoteStoreError: The remote place cannot be read.
        """
        found = _record_of(self._remote.read_tagged(f"{self._asset}/{LEASE}"))
        if found is None or found.key != self._record.key:
            self._raise_lost("nobody" if found is None else str(found.holder))

    def refuse_later(self, fencing_number: int) -> None:
        """Make sure that no later holder has published.

        Args:
            fencing_number: That of the manifest.

        Raises:
            LeaseLostError: The manifest is one of a later holder.
        """
        if fencing_number > self.fencing_number:
            self._raise_lost(f"the holder of the lease {fencing_number}")

    def write(self, name: str, text: str) -> None:
        """Replace a small file of the stage, unless the lease is lost.

        The file is read before the lease is looked at: what the next holder has written since then
        has another tag, and is not replaced.

        Raises:
            LeaseLostError: The lease is lost; the file is unchanged.
            RemoteStoreError: The remote place cannot be read or written.
        """
        path = f"{self._asset}/{name}"
        while True:
            found = self._remote.read_tagged(path)
            self.verify()
            if self._remote.replace(path, text, None if found is None else found.tag) is not None:
                return

    def close(self) -> None:
        """Give the lease back."""
        self._ended.set()
        self._thread.join()
        try:
            self._write(replace(self._record.renewed(), released=True))
        except RemoteStoreError as error:
            self._log.warning(f"{error}: others have to wait until the lease is over")

    def _keep_renewing(self) -> None:
        while not self._ended.wait(self._record.seconds / 4):
            try:
                if not self._write(self._record.renewed()):
                    return
            except Exception as error:  # the next time it may go through
                self._log.warning(f"the lease of {self._asset} was not renewed: {error}")

    def _write(self, record: LeaseRecord) -> bool:
        """Replace the file of the lease; false if somebody else has."""
        path = f"{self._asset}/{LEASE}"
        tag = self._remote.replace(path, record.to_json(), self._tag)
        if tag is None:
            found = self._remote.read_tagged(path)
            known = _record_of(found)
            if found is None or known is None or known.key != self._record.key:
                who = "nobody" if known is None else str(known.holder)
                self._log.warning(f"the lease of {self._asset} was lost; it is held by {who}")
                return False
            # an answer was lost: it was written nevertheless
            tag = self._remote.replace(path, record.to_json(), found.tag)
        self._record, self._tag = record, tag or self._tag
        return True

    def _raise_lost(self, who: str) -> None:
        raise LeaseLostError(
            f"{self._remote.url}/{self._asset}: this run was not heard of for "
            f"{self._record.seconds:g} seconds, and lost its lease; it is held by {who} now. What "
            f"this run made is not published. Run it again: it keeps what the other has made"
        )


def take_lease(
    remote: Remote,
    asset: str,
    holder: Holder,
    waiting: Waiting,
    last_number: Callable[[], int],
) -> Lease:
    """Take the lease of a stage, as soon as nobody holds it.

    Args:
        remote: The remote place.
        asset: The folder of the stage there.
        holder: Who takes it.
        waiting: How long to wait for another holder, and who is told of it.
        last_number: The fencing number of the manifest, for the case that the lease is missing or
            damaged.

    Raises:
        StoreBusyError: Another run holds it for longer than this one may wait.
        RemoteStoreError: The remote place cannot be read or written.
    """
    if not remote.excludes_others and remote.url not in _warned:
        _warned.add(remote.url)
        waiting.log.warning(
            f"{remote.url} takes no conditional writes: two runs of one dataset that begin at the "
            f"same moment on two machines may both go on. Let one machine make a dataset"
        )
    path, seen, seen_since = f"{asset}/{LEASE}", "", time.monotonic()
    while True:
        found = remote.read_tagged(path)
        tag = "" if found is None else found.tag
        if tag != seen:
            seen, seen_since = tag, time.monotonic()
        record = _record_of(found)
        silent = time.monotonic() - seen_since
        if found is None or _is_free(record, holder, silent):
            number = 1 + (last_number() if record is None else record.fencing_number)
            end = _end(LEASE_SECONDS)
            new = LeaseRecord(number, uuid4().hex, holder, LEASE_SECONDS, end)
            written = remote.replace(path, new.to_json(), None if found is None else found.tag)
            if written is not None:
                taken_over = found is not None and (record is None or not record.released)
                return Lease(remote, asset, new, written, taken_over, waiting.log)
            continue
        waiting.go_on("another run" if record is None else str(record.holder))
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _is_free(record: LeaseRecord | None, holder: Holder, silent: float) -> bool:
    """Whether a lease that was seen unchanged for so many seconds may be taken over."""
    if record is None:  # it is damaged
        return silent > LEASE_SECONDS
    # the holder before had the lock of the folder that this one has now, so that it has ended
    was_here = holder.folder != "" and holder.folder == record.holder.folder
    return record.released or was_here or silent > record.seconds


def _record_of(found: Tagged | None) -> LeaseRecord | None:
    """What stands in the file of a lease; None if there is none, or if it is damaged."""
    try:
        return None if found is None else checked_json(found.content, LeaseRecord)
    except ValueError:
        return None


def _end(seconds: float) -> str:
    return in_utc(datetime.now(timezone.utc) + timedelta(seconds=seconds))
