"""Every fault that is tried: what must happen, what has been seen to, and the tests that show it.

The page C{docs/faults.md} is made from this, and a test holds both to the tests themselves.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen


@frozen
class Fault:
    """One fault. C{tests} are C{"module::test"} of this package, with a parameter where one counts.

    C{needs} is what the machine must have, where that is more than the tests need anyhow.
    """

    what: str
    expected: str
    seen: str
    tests: tuple[str, ...]
    needs: str = ""


@frozen
class Group:
    """Faults of a kind."""

    title: str
    about: str
    faults: tuple[Fault, ...]


STAGES: Final = Group(
    "One side goes, at every stage of an association",
    "A client at nine stages: before its first byte, in the middle of its TLS greeting, with the "
    "handshake all but done, before the association request, waiting for its answer, between two "
    "PDUs, in the middle of a PDU, waiting for the response to a C-STORE, waiting for the answer "
    "to its release. A PACS at eight: not accepted yet by the program, before it has read a thing, "
    "before its answer to the request, between two PDUs, in the middle of a PDU, before its "
    "response, in the middle of its response, before its answer to the release. Each is a process "
    "of its own; all stages are tried at once, while another association stores objects.",
    (
        Fault(
            "a client is killed (-9)",
            "The PACS hears of it; one end for each connection.",
            "As expected. The kernel resets where something was unread (`TLS reset`) and says FIN "
            "where all was read (`completed`).",
            ("test_stages::test_client[killed]",),
        ),
        Fault(
            "a client is stopped (SIGSTOP) and stays so",
            "TIMEOUTbusy ends a handshake, TIMEOUTidle an association, TIMEOUTclose one of which "
            "the PACS has closed its side.",
            "As expected: `handshake timeout`, `idle`, `close timeout`.",
            ("test_stages::test_client[stopped]",),
        ),
        Fault(
            "a client is stopped and goes on",
            "Nothing is lost, and nothing has happened.",
            "As expected: every object stored, every end `completed`.",
            ("test_stages::test_clientGoesOn",),
        ),
        Fault(
            "a client resets",
            "The PACS is reset at once, or hears A-ABORT.",
            "As expected: `handshake` or `TLS reset`.",
            ("test_stages::test_client[reset]",),
        ),
        Fault(
            "a client closes",
            "As killed.",
            "As expected.",
            ("test_stages::test_client[closed]",),
        ),
        Fault(
            "a client half-closes, by FIN or by close_notify",
            "What it has said before is delivered; the PACS decides how it ends.",
            "As expected: `completed`; a half PDU is passed on as half a PDU.",
            ("test_stages::test_client[half-closed]", "test_stages::test_client[close_notify]"),
        ),
        Fault(
            "a PACS is killed (-9)",
            "Between two PDUs the client hears A-ABORT, else its connection is reset.",
            "As expected: `socket reset` or `cut short`. Never a success that was none.",
            ("test_stages::test_PACS[killed]",),
        ),
        Fault(
            "a PACS accepts and says nothing, or stops anywhere and stays so",
            "TIMEOUTidle ends it, as above.",
            "As expected: `idle`.",
            ("test_stages::test_PACS[stopped]",),
        ),
        Fault(
            "a PACS stops and goes on",
            "Nothing is lost, and nothing has happened.",
            "As expected: the PACS has every object whole.",
            ("test_stages::test_PACSGoesOn",),
        ),
        Fault(
            "a PACS resets, closes or half-closes",
            "As killed: a PACS that has no more to say in an association cannot end it properly.",
            "As expected: `socket reset` or `cut short`.",
            (
                *("test_stages::test_PACS[reset]", "test_stages::test_PACS[closed]"),
                "test_stages::test_PACS[half-closed]",
            ),
        ),
    ),
)

NETNS = "root, for a network namespace"

OUTWARD: Final = Group(
    "A PACS behind TLS goes, at every stage (`client = yes`)",
    "DICOM in the clear comes in and goes out by TLS. The PACS at eleven stages: the eight above, "
    "and with the client's greeting read, in the middle of what a server says first, and with the "
    "handshake done and nothing else. Again each is a process of its own, all stages are tried at "
    "once beside an association that stores objects, and another PACS at the same address is "
    "served afterwards.",
    (
        Fault(
            "the PACS is killed (-9), or closes",
            "Between two PDUs of an association the client hears A-ABORT, else its connection is "
            "reset.",
            "As expected: `handshake`, and after it `cut short` or `TLS reset`. Never a success "
            "that was none. A client whose PACS fails the handshake is reset too, and hears no "
            "A-ASSOCIATE-RJ: the TCP connection was there.",
            ("test_outward::test_server[killed]", "test_outward::test_server[closed]"),
        ),
        Fault(
            "the PACS is stopped (SIGSTOP) anywhere and stays so: half-open",
            "TIMEOUTbusy ends a handshake, TIMEOUTidle an association; the client is told as "
            "above.",
            "As expected: `handshake timeout`, `idle`.",
            ("test_outward::test_server[stopped]",),
        ),
        Fault(
            "a partition between appliance and PACS in an association: half-open on our side",
            "The same.",
            "As expected: `idle`.",
            ("test_outward::test_silent",),
            f"{NETNS}; iptables",
        ),
        Fault(
            "the PACS stops and goes on",
            "Nothing is lost, and nothing has happened.",
            "As expected: the PACS has every object whole.",
            ("test_outward::test_goesOn",),
        ),
        Fault(
            "the PACS resets",
            "As killed.",
            "As expected: `handshake`, and after it `TLS reset`.",
            ("test_outward::test_server[reset]",),
        ),
        Fault(
            "the PACS half-closes, by FIN or by close_notify",
            "As killed: it cannot end an association properly any more.",
            "As expected: `handshake`, and after it `cut short`.",
            (
                "test_outward::test_server[half-closed]",
                "test_outward::test_server[close_notify]",
            ),
        ),
        Fault(
            "the PACS sends a fatal alert, in the handshake or in the clear after it, and closes "
            "nothing",
            "We close; the client is told as above.",
            "As expected: `handshake`, and after it `TLS reset`.",
            ("test_outward::test_server[alert]",),
        ),
        Fault(
            "the certificate of the PACS has expired (`verifyChain = yes`)",
            "Nothing is sent to it; with a new one it is served, and nothing has to be done here.",
            "As expected: `handshake`, and the log says that the certificate has expired.",
            ("test_outward::test_expired",),
        ),
    ),
)

NETWORK: Final = Group(
    "The network",
    "In a network namespace of the test's own, so that packets can be dropped.",
    (
        Fault(
            "packets are lost, late, doubled, out of order or broken",
            "Nothing is lost.",
            "Not seen yet: the machines that the tests have run on have no netem. The four rows "
            "below stand in for it.",
            tuple(
                f"test_network::test_netem[{each}]"
                for each in ("loss", "delay", "duplicates", "order", "corruption")
            ),
            f"{NETNS}; a kernel with netem (CONFIG_NET_SCH_NETEM)",
        ),
        Fault(
            "one packet in twenty is dropped, on both legs",
            "Nothing is lost.",
            "As expected.",
            ("test_network::test_loss",),
            f"{NETNS}; iptables",
        ),
        Fault(
            "both legs share two megabits a second",
            "Nothing is lost.",
            "As expected.",
            ("test_network::test_rate",),
            NETNS,
        ),
        Fault(
            "all bytes come a tenth of a second late, on both legs (a relay in the test)",
            "Nothing is lost.",
            "As expected.",
            ("test_network::test_delay",),
        ),
        Fault(
            "a partition between client and appliance: no FIN ever comes",
            "TIMEOUTidle finds it; the PACS hears A-ABORT.",
            "As expected: `idle`. By default that is twelve hours, as with stunnel.",
            ("test_network::test_silentClient",),
            f"{NETNS}; iptables",
        ),
        Fault(
            "the same, with keep-alive asked for (`socket = a:TCP_KEEPIDLE=1` and so on)",
            "The kernel finds it after the time that was asked for.",
            "As expected: `TLS reset` after three seconds.",
            ("test_network::test_keepalive",),
            f"{NETNS}; iptables",
        ),
        Fault(
            "a partition between appliance and PACS in the middle of a transfer",
            "TIMEOUTidle, or the kernel when it has sent often enough in vain; the client is told.",
            "As expected: `idle`, or `socket reset`.",
            ("test_network::test_silentPACS", "test_network::test_kernelGivesUp"),
            f"{NETNS}; iptables",
        ),
        Fault(
            "a partition that heals",
            "Nothing is lost.",
            "As expected, on either leg.",
            ("test_network::test_healed",),
            f"{NETNS}; iptables",
        ),
        Fault(
            "a PACS that cannot be reached: its kernel says nothing",
            "After TIMEOUTconnect the client hears A-ASSOCIATE-RJ, transient.",
            "As expected: `no backend`.",
            ("test_network::test_unreachable",),
            f"{NETNS}; iptables",
        ),
    ),
)

SLOW: Final = Group(
    "Slow peers",
    "",
    (
        Fault(
            "a byte at a time, from the client, from the PACS, or from both",
            "Nothing is lost.",
            "As expected.",
            tuple(f"test_slow::test_byteByByte[{each}]" for each in ("client", "PACS", "both")),
        ),
        Fault(
            "eight clients read nothing of 32 MiB each that the PACS sends",
            "Memory is bounded, others are served, and all of it comes once they read.",
            "As expected: 3 MiB more in all, 1.5 MiB each are allowed.",
            ("test_slow::test_clientStalls",),
        ),
        Fault(
            "a PACS reads nothing of 32 MiB that each of eight clients sends",
            "The same.",
            "As expected: 5 MiB more in all.",
            ("test_slow::test_PACSStalls",),
        ),
    ),
)

TLS: Final = Group(
    "TLS in mid-stream",
    "",
    (
        Fault(
            "TLS 1.3 key updates, with and without one of ours asked for (`update_requested`)",
            "Nobody notices.",
            "As expected.",
            ("test_tls::test_keyUpdate[k]", "test_tls::test_keyUpdate[K]"),
        ),
        Fault(
            "TLS 1.2: the client wants to renegotiate",
            "It is told no, with an alert.",
            "As expected: `no renegotiation`.",
            ("test_tls::test_renegotiation",),
        ),
        Fault(
            "an alert in the clear, a stray record, garbage, or a flipped bit among the records",
            "That connection ends, and the PACS hears of it; others go on.",
            "As expected: `TLS reset`.",
            tuple(f"test_tls::test_spoilt[{e}]" for e in ("alert", "stray", "garbage", "bit")),
        ),
        Fault(
            "a fatal alert by the client, in the middle of an association",
            "The same.",
            "As expected: `TLS reset`. Which alert it was is not in the log.",
            ("test_tls::test_alert",),
        ),
    ),
)

NAMES: Final = Group(
    "Name servers",
    "A name server of the test's own, in a network and a mount namespace.",
    (
        Fault(
            "24 names hang at the same time",
            "Sections with other names and with addresses serve as ever.",
            "As expected, since each name is resolved on a thread of its own. Before, ten threads "
            "were all there were.",
            ("test_names::test_hangs",),
            NETNS,
        ),
        Fault(
            "a name does not exist, the server fails, talks junk or answers another question; "
            "a name that can be none",
            "The client hears A-ASSOCIATE-RJ, transient.",
            "As expected: `no backend`. Before, a name like `a..b` was waited for.",
            tuple(
                f"test_names::test_lies[{each}]"
                for each in ("none", "fails", "junk", "lies", "a..b")
            ),
            NETNS,
        ),
        Fault(
            "a name has an address where nobody listens, and later the right one",
            "It is asked for again, without a reload.",
            "As expected, within five seconds of the last answer.",
            ("test_names::test_wrongAddress",),
            NETNS,
        ),
        Fault(
            "a stop while a name hangs",
            "The process ends.",
            "As expected, at once.",
            ("test_names::test_stop",),
            NETNS,
        ),
    ),
)

TMPFS = "root, for a file system of its own"

DISK: Final = Group(
    "Disks",
    "A file system of a megabyte that only the appliance sees, full to the last byte for a while.",
    (
        Fault(
            "no room for the log (`output`)",
            "All else goes on; afterwards the log tells how many lines are missing.",
            "As expected. Before, it told nothing.",
            ("test_disk::test_log", "test_disk::test_devFull"),
            TMPFS,
        ),
        Fault(
            "no room for the journal",
            "All else goes on; lines lost and lines written are as many as associations.",
            "As expected.",
            ("test_disk::test_journal",),
            TMPFS,
        ),
        Fault(
            "no room for audit messages (`auditSpool`)",
            "They wait in memory, and reach the collector.",
            "As expected.",
            ("test_disk::test_spool",),
            TMPFS,
        ),
    ),
)

SCARCE: Final = Group(
    "Descriptors and memory",
    "",
    (
        Fault(
            "no descriptors are left (RLIMIT_NOFILE lowered while it runs)",
            "Nobody is accepted for a second at a time, or hears A-ASSOCIATE-RJ; who is there does "
            "not notice; it passes by itself.",
            "As expected.",
            ("test_scarce::test_descriptors",),
        ),
        Fault(
            "64 descriptors from the start, 40 clients who insist",
            "So many are served as that allows, the rest hear A-ASSOCIATE-RJ, local limit "
            "exceeded; all are served in the end.",
            "As expected, and the process never ran out.",
            ("test_scarce::test_fewFromTheStart",),
        ),
        Fault(
            "a worker has no memory (RLIMIT_AS), 400 clients who insist",
            "The worker may be lost with its connections; another takes its place, the other "
            "worker's go on, all clients are served in the end.",
            "As expected. OpenSSL 4.0 itself breaks where it gets no memory (a segmentation fault "
            "in `SSL_set_accept_state`), so that without workers the process may be lost: keep "
            "`maxConnections` below what the memory allows, and let systemd start it again.",
            ("test_scarce::test_memory",),
        ),
    ),
)

CLOCK: Final = Group(
    "Clocks and certificates",
    "With libfaketime, which sets the clock of the one process.",
    (
        Fault(
            "the clock is set a day forth, or back, and right again",
            "Time limits are as long as ever; no association ends.",
            "As expected. Before, forth ended every idle connection at once, and back held up "
            "every limit for a day.",
            tuple(
                f"test_clock::test_steps[{step}-{how}]"
                for step in ("forth", "back")
                for how in ("alone", "workers")
            ),
            "libfaketime",
        ),
        Fault(
            "our certificate expires while it runs",
            "It goes on; `/readyz` says 503 and why.",
            "As expected.",
            ("test_clock::test_expiry",),
            "libfaketime",
        ),
    ),
)

PROCESSES: Final = Group(
    "Processes and signals",
    "",
    (
        Fault(
            "kill -9 of a worker, under load",
            "Its connections end, each with its line; the others go on; another takes its place.",
            "As expected.",
            ("test_processes::test_killedWorker",),
        ),
        Fault(
            "a worker stands still (SIGSTOP), and goes on",
            "So do its connections; those of the others go on meanwhile.",
            "As expected. New connections may still be given to it, and wait with it.",
            ("test_processes::test_stoppedWorker",),
        ),
        Fault(
            "kill -9 of the supervisor",
            "The workers go too, and the port is free.",
            "As expected.",
            ("test_processes::test_killedSupervisor",),
        ),
        Fault(
            "the whole process stands still (SIGSTOP), and goes on",
            "All goes on, also those who came meanwhile.",
            "As expected.",
            ("test_processes::test_stoppedProcess",),
        ),
        Fault(
            "300 times HUP as fast as can be, the file changed each time, under load",
            "Nobody is cut, nothing is lost. The kernel makes one of several that wait.",
            "As expected, with and without workers.",
            ("test_processes::test_reloads[alone]", "test_processes::test_reloads[workers]"),
        ),
        Fault(
            "300 times USR1, or USR2, under load",
            "The same.",
            "As expected, with and without workers.",
            tuple(
                f"test_processes::test_otherSignals[{name}-{how}]"
                for name in ("SIGUSR1", "SIGUSR2")
                for how in ("alone", "workers")
            ),
        ),
    ),
)

GROUPS: Final = (STAGES, OUTWARD, NETWORK, SLOW, TLS, NAMES, DISK, SCARCE, CLOCK, PROCESSES)
