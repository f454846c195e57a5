"""Who may import whom: the table of docs/architecture.md, held against the code itself."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).parent.parent

PURE = ("attrs",)
NETWORK = (*PURE, "twisted", "zope", "OpenSSL", "cryptography", "service_identity")
DEMO = (*NETWORK, "pynetdicom", "pydicom", "numpy", "PIL")

LAYER0 = ("config", "dicom", "events", "limits", "relay.proxyline", "backend.policy")
LAYER1 = ("tls", "relay", "backend", "health", "logs", "status", "audit", "system")

# What the modules of a name may import beside the standard library, themselves and events: first
# of other people's packages, then of ours. The longest name that fits a module counts.
MAY_IMPORT: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    **dict.fromkeys(("__init__", *LAYER0), (PURE, ())),
    "config": (PURE, ("dicom.uids", "dicom.sopclasses")),
    "tls": (NETWORK, ("config.model", "config.profiles", "config.profilerules")),
    "relay": (NETWORK, ("backend", "dicom")),
    "backend": (NETWORK, ("config.model", "system.wire")),
    "health": (NETWORK, ("dicom",)),
    "system": (NETWORK, ("config.model",)),
    "logs": (NETWORK, ("config.values",)),
    "audit": (NETWORK, ()),
    "status": ((*NETWORK, "prometheus_client"), ("config.model", "dicom.command", "system")),
    "section": (NETWORK, (*LAYER0, *LAYER1)),
    "service": (NETWORK, (*LAYER0, *LAYER1, "section")),
    "recording": (NETWORK, (*LAYER0, *LAYER1)),
    "ending": (NETWORK, ()),
    "departure": (NETWORK, ("config.model", "ending", "system")),
    "daemon": (NETWORK, (*LAYER0, *LAYER1, "departure", "recording", "section", "service")),
    "console": (NETWORK, (*LAYER0, *LAYER1, "section", "service", "daemon")),
    "console.commands": (PURE, (*LAYER0, "console")),
    "tap": (NETWORK, (*LAYER0, *LAYER1, "section", "service", "daemon", "console")),
    "cli": (DEMO, (*LAYER0, *LAYER1, "recording", "section", "service", "daemon", "console")),
}
OWN_REACTOR = ("tap", "cli")

# pyOpenSSL's own: the cffi library, and what its objects wrap.
PRIVATE = ("_lib", "_ffi", "_ssl", "_context", "_from_ssl", "_into_ssl")
BINDING = "tls.binding"


def parsed() -> dict[str, ast.Module]:
    """The syntax tree of every module of ours, by its dotted name within C{appliance}."""
    home = ROOT / "appliance"
    return {
        ".".join(path.relative_to(home).with_suffix("").parts): ast.parse(path.read_text("utf-8"))
        for path in sorted(home.rglob("*.py"))
    }


MODULES = parsed()


def imports(tree: ast.AST) -> Iterator[str]:
    """The full names of all that is imported anywhere below C{tree}."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module}.{alias.name}" for alias in node.names)


def below(name: str, *tops: str) -> bool:
    """True when C{name} is one of C{tops}, or belongs to one."""
    return any(f"{name}.".startswith(f"{top}.") for top in tops)


def allowed(module: str, imported: str) -> bool:
    """True when the table lets C{module} import C{imported}."""
    own = max((name for name in MAY_IMPORT if below(module, name)), key=len)
    theirs, ours = MAY_IMPORT[own]
    if below(imported, "appliance"):
        ours = ("__version__", "__init__", "events", own, *ours)
        return imported == "appliance" or below(imported.removeprefix("appliance."), *ours)
    return below(imported, *theirs, *sys.stdlib_module_names)


class LayerTests(SynchronousTestCase):
    """The layers, and who is trusted with what is global or private."""

    def test_everyModuleHasAPlace(self) -> None:
        """A module that is in no layer would be free of every rule."""
        self.assertEqual([m for m in MODULES if not below(m, *MAY_IMPORT)], [])

    def test_imports(self) -> None:
        """Modules import what their layer allows, and nobody imports C{tap}."""
        strays = [
            f"{module} imports {imported}"
            for module, tree in MODULES.items()
            for imported in imports(tree)
            if not allowed(module, imported) or below(imported, "appliance.tap")
        ]
        self.assertEqual(strays, [])

    def test_globalReactor(self) -> None:
        """All but the ends of the program are handed their reactor."""
        touching = {
            module
            for module, tree in MODULES.items()
            if any(below(name, "twisted.internet.reactor") for name in imports(tree))
        }
        self.assertEqual([m for m in sorted(touching) if not below(m, *OWN_REACTOR)], [])

    def test_privateBinding(self) -> None:
        """What is private in pyOpenSSL is touched in one module."""
        touching = [
            f"{module}:{node.lineno} .{node.attr}"
            for module, tree in MODULES.items()
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and node.attr in PRIVATE and module != BINDING
            # An attribute of our own may have the same name.
            if not (isinstance(node.value, ast.Name) and node.value.id == "self")
        ]
        self.assertEqual(touching, [])

    def test_twistedStaysOpen(self) -> None:
        """With an C{__init__} of ours the real C{twisted} package could not be found."""
        self.assertEqual(list((ROOT / "twisted").rglob("__init__.py")), [])
        (plugin,) = (ROOT / "twisted").rglob("*.py")
        names = set(imports(ast.parse(plugin.read_text("utf-8"))))
        self.assertEqual(names, {"twisted.application.service.ServiceMaker"})
