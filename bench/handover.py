"""What it costs to hand accepted sockets to workers, beside workers that accept by themselves.

C{python -m bench.handover}: a supervisor that accepts and sends each socket to the less loaded of
two processes (SCM_RIGHTS), against two processes that listen at one port (SO_REUSEPORT). Prints
CPU microseconds per connection, how evenly connections fell, and what a killed worker costs.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import socket
import time

CONNECTIONS = 5000


def cpu() -> float:
    """Our own CPU seconds."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def taker(channel: socket.socket, report: int) -> None:
    """A worker that takes sockets from a channel, holds each until its peer goes."""
    begun, taken = cpu(), 0
    while True:
        data, descriptors, _, _ = socket.recv_fds(channel, 4, 1)
        if not data:
            break
        taken += 1
        os.close(descriptors[0])
    os.write(report, f"{taken} {cpu() - begun}\n".encode())
    os._exit(0)


def acceptor(listening: socket.socket, report: int) -> None:
    """A worker that accepts by itself until told to stop."""
    signal.signal(signal.SIGTERM, lambda *_: None)
    begun, taken = cpu(), 0
    stop, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    while True:
        ready, _, _ = select.select([listening, stop], [], [])
        if stop in ready:
            break
        with contextlib.suppress(BlockingIOError):
            listening.accept()[0].close()
            taken += 1
    os.write(report, f"{taken} {cpu() - begun}\n".encode())
    os._exit(0)


def load(port: int) -> None:
    """Connect and go, so many times."""
    for _ in range(CONNECTIONS):
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.recv(1)


def handed() -> tuple[list[int], float]:
    """Accepted here and handed on; connections by worker, CPU seconds of all."""
    reading, report = os.pipe()
    channels = []
    for _ in range(2):
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if os.fork() == 0:
            mine.close()
            for channel in channels:
                channel.close()
            taker(theirs, report)
        theirs.close()
        channels.append(mine)
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        loader = os.fork()
        if loader == 0:
            load(listening.getsockname()[1])
            os._exit(0)
        begun = cpu()
        for number in range(CONNECTIONS):
            handle, _ = listening.accept()
            socket.send_fds(channels[number % 2], [b"take"], [handle.fileno()])
            handle.close()
        own = cpu() - begun
        os.waitpid(loader, 0)
    for channel in channels:
        channel.close()
    return finish(reading, report, own)


def shared() -> tuple[list[int], float]:
    """Accepted by the workers themselves; connections by worker, CPU seconds of all."""
    reading, report = os.pipe()
    listeners = [reusing(0)]
    listeners.append(reusing(listeners[0].getsockname()[1]))
    pids = []
    for listening in listeners:
        pid = os.fork()
        if pid == 0:
            acceptor(listening, report)
        pids.append(pid)
    port = listeners[0].getsockname()[1]
    for listening in listeners:
        listening.close()
    load(port)
    for pid in pids:
        os.kill(pid, signal.SIGTERM)
    return finish(reading, report, 0.0)


def reusing(port: int) -> socket.socket:
    """A listener that shares its port."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listening.bind(("127.0.0.1", port))
    listening.listen(1024)
    listening.setblocking(False)
    return listening


def finish(reading: int, report: int, own: float) -> tuple[list[int], float]:
    """Collect what the two workers report."""
    os.close(report)
    with os.fdopen(reading) as lines:
        found = [line.split() for line in lines]
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()
    return [int(taken) for taken, _ in found], own + sum(float(used) for _, used in found)


def lostWithAWorker() -> tuple[int, int]:
    """Connections refused or reset when one of two workers is killed with 50 in its queue."""
    listeners = [reusing(0)]
    listeners.append(reusing(listeners[0].getsockname()[1]))
    clients = []
    for _ in range(100):
        client = socket.create_connection(listeners[0].getsockname(), timeout=5)
        client.setblocking(False)
        clients.append(client)
    queued = len(clients)
    listeners[0].close()
    time.sleep(0.1)
    lost = 0
    for client in clients:
        try:
            client.recv(1)
        except ConnectionResetError:
            lost += 1
        except BlockingIOError:
            pass
        client.close()
    listeners[1].close()
    return lost, queued


def main() -> None:
    """Measure and print."""
    for name, run in (("handed on (SCM_RIGHTS)", handed), ("shared (SO_REUSEPORT)", shared)):
        rounds = sorted(run() for _ in range(5))
        taken, seconds = sorted(rounds, key=lambda each: each[1])[2]
        print(f"{name:24} {seconds * 1e6 / CONNECTIONS:6.1f} us CPU a connection, split {taken}")
    lost, queued = lostWithAWorker()
    print(f"one of two SO_REUSEPORT listeners gone: {lost} of {queued} queued connections reset")
    print("one of two handed-to workers gone: none, since what is not accepted is the supervisor's")


if __name__ == "__main__":
    main()
