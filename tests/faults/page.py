"""Writes C{docs/faults.md} from the table: C{python -m tests.faults.page}."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.faults.table import GROUPS, Fault

PAGE: Final = Path(__file__).parents[2] / "docs" / "faults.md"

HEAD: Final = """\
<!-- Made by tests/faults/page.py from tests/faults/table.py: change it there. -->

# Under fire

What happens when something goes wrong around the appliance, and how that is known: each row is
tried by tests, on real processes and with real associations.

```sh
make test      # a short form among all other tests
make faults    # all of it
```

After each fault the tests hold it to the same account:

- **Nothing that was acknowledged is lost.** Objects are random bytes, known by their hashes; the
  archive has each that the client was told is stored, once and unaltered.
- **Nothing leaks.** The descriptors, the timers and the objects of connections in the process are
  as many as before anybody came.
- **One end.** Each connection that was accepted has exactly one closing line.
- **Service returns by itself.** A study goes through in the end, without a restart.
- **No defect.** The log has no internal error and no traceback.

A test that cannot be tried on a machine says what that lacks (`make faults` shows it). They need
root, `iproute2`, `iptables`, `faketime` and OpenSSL's command.
"""


def page() -> str:
    """The text of the page."""
    made = [HEAD]
    for group in GROUPS:
        made.append(f"## {group.title}")
        if group.about:
            made += [group.about, ""]
        made += rows(group.faults)
        made.append("")
    return "\n".join(made).rstrip() + "\n"


def rows(faults: tuple[Fault, ...]) -> Iterator[str]:
    """The table of C{faults}."""
    yield "| Fault | Expected | Seen | Test |"
    yield "| --- | --- | --- | --- |"
    for fault in faults:
        what = f"{fault.what} ({fault.needs})" if fault.needs else fault.what
        shown = ", ".join(dict.fromkeys(f"`{each.partition('[')[0]}`" for each in fault.tests))
        yield f"| {what[0].upper()}{what[1:]} | {fault.expected} | {fault.seen} | {shown} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
