"""Completes a list of components that a tool has found: who it is about, and what it cannot see.

C{packaging/sbom} runs it. The wheel of cryptography has an OpenSSL within it, whose flaws are ours
to look after; no metadata tells of it.
"""

from __future__ import annotations

import json
import sys
from typing import Any

OURS = "butterfly-tls"
CARRIER = "cryptography"


def completed(bom: dict[str, Any], openssl: str) -> dict[str, Any]:
    """C{bom} (CycloneDX 1.6) about us, with the C{openssl} of that version in it.

    Raises C{ValueError} where one of the two that must be there is not.
    """
    components = list(bom["components"])
    ours, carrier = _named(components, OURS), _named(components, CARRIER)
    components.remove(ours)
    # Where it was built is nobody's business.
    elsewhere = [
        each for each in ours.get("externalReferences", []) if not each["url"].startswith("file:")
    ]
    ours = {**ours, "type": "application", "externalReferences": elsewhere}
    within = {
        "bom-ref": f"openssl=={openssl}",
        "type": "library",
        "name": "openssl",
        "version": openssl,
        "description": f"TLS and cryptography, within the wheel of {CARRIER}",
        "cpe": f"cpe:2.3:a:openssl:openssl:{openssl}:*:*:*:*:*:*:*",
        "purl": f"pkg:generic/openssl@{openssl}",
        "licenses": [{"license": {"id": "Apache-2.0"}}],
    }
    dependencies = [
        _leading(each, within["bom-ref"]) if each["ref"] == carrier["bom-ref"] else each
        for each in bom.get("dependencies", [])
    ]
    return {
        **bom,
        "metadata": {**bom.get("metadata", {}), "component": ours},
        "components": sorted([*components, within], key=lambda each: str(each["name"]).lower()),
        "dependencies": [*dependencies, {"ref": within["bom-ref"]}],
    }


def _named(components: list[dict[str, Any]], name: str) -> dict[str, Any]:
    for each in components:
        if each["name"].lower() == name:
            return each
    raise ValueError(f"there is no {name} among the components")


def _leading(dependency: dict[str, Any], to: object) -> dict[str, Any]:
    return {**dependency, "dependsOn": sorted([*dependency.get("dependsOn", []), to])}


if __name__ == "__main__":
    json.dump(completed(json.load(sys.stdin), sys.argv[1]), sys.stdout, indent=2)
