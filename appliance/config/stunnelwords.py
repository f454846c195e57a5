"""Problems in stunnel's own form, for those whose scripts look for its messages.

What stunnel says of a problem is written down where the problem is found (L{Said}); here it gets
what stunnel puts before and after it. Where stunnel has no message our own words stand. Source:
the messages and prefixes of stunnel 5.75, as seen from outside.
"""

from __future__ import annotations

from typing import Final

from appliance.config.model import About, Problem, Said

NO_EQUALS: Final = "No '=' found"
NOT_HERE: Final = "Specified option name is not valid here"
YES_OR_NO: Final = "The argument needs to be either 'yes' or 'no'"
TWO_ENDPOINTS: Final = "Each service must define two endpoints"
ONE_ENDPOINT: Final = "Inetd mode must define one endpoint"
NO_ACCEPT: Final = "'accept' option is only allowed in a [section]"
NEEDS_VERIFICATION: Final = 'Either "verifyChain" or "verifyPeer" has to be enabled'
NEEDS_AUTHORITY: Final = 'Either "CAengine", "CAfile", "CApath" or "CAstore" has to be configured'

INETD: Final = "Inetd mode"
PROCESS: Final = "Global options"
BINDING: Final = "Binding service"
CANNOT_OPEN: Final = "Cannot open configuration file"
FULL_LOG_PATH: Final = "Log file must include full path name"
FULL_PID_PATH: Final = "Pid file must include full path name"
CONTEXT_FAILED: Final = "Failed to initialize TLS context"


def stunnelForm(problem: Problem) -> str:
    """C{problem} as stunnel tells it, without the mark of its severity.

    One line, or two when a TLS context could not be made: the cause, and that it could not.
    """
    said = problem.said
    if said is None:
        return str(problem)
    match said.about:
        case About.LINE:
            return f'{problem.where}: "{said.line}": {said.message}'
        case About.PROCESS:
            return f"{PROCESS}: {said.message}"
        case About.CONTEXT:
            return f"{said.message}\n{_service(problem)}: {CONTEXT_FAILED}"
        case About.SECTION:
            return f"{_service(problem)}: {said.message}"
        case About.NOTHING:
            return said.message


def bothForms(problem: Problem) -> str:
    """C{problem} as stunnel tells it, and below that in our own words."""
    ours = str(problem)
    return ours if problem.said is None else f"{stunnelForm(problem)}\n{ours}"


def bindingSaid(section: str) -> Said:
    """For a section that listens nowhere."""
    return Said(f"{BINDING} [{section}] failed", About.NOTHING)


def isBinding(problem: Problem) -> bool:
    """True when C{problem} is not with the configuration, but with an address that it names."""
    return problem.said == bindingSaid(problem.section)


def contextSaid(message: str) -> Said:
    """For what only shows when a TLS context is made: C{message} is the cause."""
    return Said(message, About.CONTEXT)


def _service(problem: Problem) -> str:
    return f"Service [{problem.section}]" if problem.section else INETD
