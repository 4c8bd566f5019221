"""SIGTERM and Ctrl-C as a request: the loop finishes the running step, saves, and ends with exit code 75."""

import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopRequest:
    """Whether the process has been asked to stop.

    Args:
      patient: take every further signal for the same request, instead of ending at once.
    """

    def __init__(self, patient: bool = False) -> None:
        self._asked, self._patient = threading.Event(), patient

    @property
    def made(self) -> bool:
        """True after the first signal."""
        return self._asked.is_set()

    def watch(self, numbers: socket.socket) -> None:
        """Note the first signal that arrives at the socket; end the process, and its workers, at the second.

        Python runs its own handlers between two of its instructions only, which a compilation of a minute
        would delay by a minute. The interpreter writes the signal's number to the socket at once.
        """
        while number := numbers.recv(1):
            if number[0] not in SIGNALS or (self.made and self._patient):
                continue
            if self.made:
                for worker in multiprocessing.active_children():
                    worker.kill()
                os._exit(128 + number[0])
            self._asked.set()
            if self._patient:
                continue
            with suppress(OSError):
                print("stopping after the running step; a second signal exits at once", file=sys.stderr, flush=True)


_current: StopRequest | None = None


@contextmanager
def stop_request(*, patient: bool = False) -> Iterator[StopRequest]:
    """Catch SIGTERM and Ctrl-C for as long as the context is open.

    Inside another such context this is the same request. Outside of the main thread, where Python catches no
    signals, the request is never made. A signal that the process ignores, as a shell's background job does
    Ctrl-C, stays ignored.

    Args:
      patient: for a worker process, whose parent ends it when it must be at once.
    """
    global _current
    if _current is not None or threading.current_thread() is not threading.main_thread():
        yield _current or StopRequest()
        return
    request = _current = StopRequest(patient)
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    caught = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    handlers = {number: signal.signal(number, lambda *_: None) or signal.SIG_DFL for number in caught}
    fd = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    watcher = threading.Thread(target=request.watch, args=(receiver,), daemon=True)
    watcher.start()
    try:
        yield request
    finally:
        _current = None
        signal.set_wakeup_fd(fd)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        sender.close()  # Ends the watcher.
        watcher.join()
        receiver.close()
