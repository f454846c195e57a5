"""What stands in C{etc/container} and C{etc/kubernetes}: by the published schemas, and together."""

from __future__ import annotations

import ipaddress
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance import __version__
from appliance.cli.child import running
from appliance.config.build import build
from appliance.config.model import Config, InetAddress
from tests.config.memory import Memory
from tests.integration.appliance import READY, configure, keyPair, section, serving
from tests.integration.test_workers import awaitLines
from tests.peers import butterfly, freePort

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed, which reads the manifests")

ETC = Path(__file__).parent.parent / "etc"
HERE = ETC / "kubernetes"
KEYS = "/run/secrets/butterfly-tls"
CONF = "/etc/butterfly-tls/butterfly-tls.conf"
WRITTEN = "/var/lib/butterfly-tls"
"""The one directory of the image that can be written to."""

FILES = sorted(path for path in HERE.rglob("*.yaml") if path.name != "kustomization.yaml")
VERSIONS = ("1.29", "1.37")
"""Of Kubernetes: the oldest and the newest that the manifests are held against."""


def documents() -> Iterator[Any]:
    """Everything that goes to the cluster as it is written."""
    for path in FILES:
        yield from yaml.safe_load_all(path.read_text())


def one(kind: str, name: str = "butterfly-tls") -> Any:
    """The document of that C{kind} and C{name}."""
    (found,) = (d for d in documents() if (d["kind"], d["metadata"]["name"]) == (kind, name))
    return found


def pod() -> Any:
    """What each pod is made of."""
    return one("Deployment")["spec"]["template"]["spec"]


def container(name: str = "appliance") -> Any:
    """One of its containers."""
    (found,) = (each for each in pod()["containers"] if each["name"] == name)
    return found


def configuration() -> Config:
    """The configuration that the pods have, which must have nothing wrong with it."""
    files = Memory(
        {
            CONF: (HERE / "butterfly-tls.conf").read_bytes(),
            f"{KEYS}/tls.crt": b"",
            f"{KEYS}/tls.key": b"",
        }
    )
    config, problems = build(CONF, files)
    assert config is not None, problems
    assert problems == ()
    return config


def containerfile() -> dict[str, str]:
    """The instructions of the image's last stage, the last of each kind."""
    text = (ETC / "container" / "Containerfile").read_text().rpartition("\nFROM ")[2]
    lines = text.replace("\\\n", " ").splitlines()
    return dict(line.partition(" ")[::2] for line in lines)


def installed(name: str) -> str:
    """The path of a program that is beside this Python, or anywhere; the test is skipped if not."""
    path = shutil.which(name, path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


# --- by the schemas ----------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_schemas(version: str) -> None:
    """Every document is what that version of Kubernetes takes, with no word too many."""
    validate = pytest.importorskip(
        "kubernetes_validate", reason="kubernetes-validate is not installed, which has the schemas"
    )
    for document in documents():
        # That one is the operator's.
        if document["kind"] != "ServiceMonitor":
            validate.validate(document, version, strict=True)


@pytest.mark.real
def test_kustomize(tmp_path: Path) -> None:
    """Together they are what they are one by one, with the image and the configuration in them."""
    done = subprocess.run(
        [installed("kubectl"), "kustomize", str(HERE)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    made = list(yaml.safe_load_all(done.stdout))
    (given,) = (each for each in made if each["kind"] == "ConfigMap")
    assert given["data"]["butterfly-tls.conf"] == (HERE / "butterfly-tls.conf").read_text()
    (deployment,) = (each for each in made if each["kind"] == "Deployment")
    images = {each["image"] for each in deployment["spec"]["template"]["spec"]["containers"]}
    assert images == {f"registry.example.org/butterfly-tls:{__version__}"}
    assert {each["metadata"].get("namespace", "butterfly-tls") for each in made} == {
        "butterfly-tls"
    }
    (policy,) = (each for each in made if each["kind"] == "NetworkPolicy")
    assert policy["spec"] == one("NetworkPolicy")["spec"]


@pytest.mark.real
def test_hadolint() -> None:
    """The recipe of the image is as hadolint likes it."""
    recipe = ETC / "container" / "Containerfile"
    done = subprocess.run(
        [installed("hadolint"), str(recipe)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout


# --- together ----------------------------------------------------------------------------------


def test_listed() -> None:
    """Every file is in the one list or the other, and none that is not there."""
    for home in (HERE, HERE / "monitoring"):
        listed = yaml.safe_load((home / "kustomization.yaml").read_text())["resources"]
        found = {path.name for path in home.glob("*.yaml")} - {"kustomization.yaml"}
        assert set(listed) == found


def test_version() -> None:
    """The image has the number of this version."""
    listed = yaml.safe_load((HERE / "kustomization.yaml").read_text())
    assert [each["newTag"] for each in listed["images"]] == [__version__]


def test_selectors() -> None:
    """Whatever chooses pods chooses these."""
    labels = one("Deployment")["spec"]["template"]["metadata"]["labels"].items()
    chosen = [
        one("Deployment")["spec"]["selector"]["matchLabels"],
        one("Service")["spec"]["selector"],
        one("Service", "butterfly-tls-status")["spec"]["selector"],
        one("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        one("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        pod()["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"],
    ]
    for each in chosen:
        assert each
        assert each.items() <= labels
    wanted = one("ServiceMonitor")["spec"]["selector"]["matchLabels"]
    status = one("Service", "butterfly-tls-status")
    assert wanted.items() <= status["metadata"]["labels"].items()
    assert wanted.items().isdisjoint(one("Service")["metadata"].get("labels", {}).items())


def test_ports() -> None:
    """Each section has a port that senders reach, and the status one that they do not."""
    config = configuration()
    named = {each["name"]: each["containerPort"] for each in container()["ports"]}
    sections = {each.port for s in config.sections for each in s.accept if hasattr(each, "port")}
    status = config.process.status
    assert status is not None
    assert status.address == InetAddress("0.0.0.0", named["status"])
    outside = one("Service")["spec"]["ports"]
    assert {named[each["targetPort"]] for each in outside} == sections
    assert {each["port"] for each in outside} == sections
    (inside,) = one("Service", "butterfly-tls-status")["spec"]["ports"]
    assert inside["name"] == one("ServiceMonitor")["spec"]["endpoints"][0]["port"]
    assert named[inside["targetPort"]] == named["status"]
    free, watched = one("NetworkPolicy")["spec"]["ingress"]
    assert "from" not in free
    assert {named[each["port"]] for each in free["ports"]} == sections
    assert {named[each["port"]] for each in watched["ports"]} == {named["status"]}


def test_probes() -> None:
    """They ask the status, never for what a PACS does."""
    asked = {name: container()[name]["httpGet"] for name in container() if name.endswith("Probe")}
    paths = {name: get["path"] for name, get in asked.items()}
    assert paths == {
        "livenessProbe": "/healthz",
        "startupProbe": "/healthz",
        "readinessProbe": "/readyz",
    }
    assert {get["port"] for get in asked.values()} == {"status"}


def test_egress() -> None:
    """Every PACS of the configuration can be reached."""
    pacs, _ = one("NetworkPolicy")["spec"]["egress"]
    networks = [ipaddress.ip_network(each["ipBlock"]["cidr"]) for each in pacs["to"]]
    ports = {each["port"] for each in pacs["ports"]}
    targets = [each for s in configuration().sections for each in s.connect]
    for target in targets:
        assert isinstance(target, InetAddress)
        assert target.port in ports
        assert any(ipaddress.ip_address(target.host) in network for network in networks)


def test_patience() -> None:
    """The cluster waits longer for a pod than the pod for its associations."""
    process = configuration().process
    needed = process.drainDelay + process.drainTimeout
    assert pod()["terminationGracePeriodSeconds"] >= needed + 5
    assert process.drainDelay >= container()["readinessProbe"]["periodSeconds"]


def test_user() -> None:
    """The pods' user is the image's, and its group the one that may read the key."""
    user, _, group = containerfile()["USER"].partition(":")
    context = pod()["securityContext"]
    assert (context["runAsUser"], context["runAsGroup"]) == (int(user), int(group))
    assert context["fsGroup"] == int(group)
    (pair,) = (each for each in pod()["volumes"] if each["name"] == "pair")
    assert pair["secret"]["defaultMode"] == 0o440


def test_rights() -> None:
    """No container has any right that it could give up."""
    for each in pod()["containers"]:
        assert each["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    assert pod()["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod()["automountServiceAccountToken"] is False
    labels = one("Namespace")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_volumes() -> None:
    """What is mounted is there, and what the image writes to can be written."""
    volumes = {each["name"] for each in pod()["volumes"]}
    for each in pod()["containers"]:
        assert {mount["name"] for mount in each["volumeMounts"]} <= volumes
    places = {mount["mountPath"]: mount for mount in container()["volumeMounts"]}
    variables = containerfile()["ENV"]
    for name in ("RUNTIME_DIRECTORY", "STATE_DIRECTORY"):
        assert f"{name}={WRITTEN}" in variables
    assert not places[WRITTEN].get("readOnly", False)
    beside = {mount["mountPath"]: mount["name"] for mount in container("reloader")["volumeMounts"]}
    assert beside[WRITTEN] == places[WRITTEN]["name"]
    assert places[KEYS]["readOnly"]
    assert places[os.path.dirname(CONF)]["readOnly"]
    # A volume within another may have no place to be put at.
    paths = sorted(places)
    assert not any(b.startswith(f"{a}/") for a in paths for b in paths)


def test_exposed() -> None:
    """The image says which ports it has."""
    exposed = set(map(int, containerfile()["EXPOSE"].split()))
    assert exposed == {each["containerPort"] for each in container()["ports"]}


@pytest.mark.real
def test_reloader(tmp_path: Path) -> None:
    """The container beside the appliance asks for a reload when the configuration has changed."""
    keyPair(tmp_path)
    (tmp_path / "bin").mkdir()
    wrapper = tmp_path / "bin" / "butterfly-tls"
    wrapper.write_text(f'#!/bin/sh\nexec {" ".join(butterfly())} "$@"\n')
    wrapper.chmod(0o755)
    first = f"control = {tmp_path}/control\n"
    text = section(freePort(), 104)
    reloader = container("reloader")
    surroundings = {
        "PATH": f"{wrapper.parent}:{os.environ['PATH']}",
        "RUNTIME_DIRECTORY": str(tmp_path),
        "EVERY": "0.1",
    }
    beside = ["env", *(f"{name}={value}" for name, value in surroundings.items())]
    command = [*beside, *reloader["command"], *reloader["args"]]
    with serving(tmp_path, first + text) as child, running("reloader", command, tmp_path) as other:
        other.waitFor("watching", READY)
        configure(tmp_path, f"debug = 6\n{first}{text}TIMEOUTidle = 9\n")
        awaitLines(child, "Configuration successful", 2)
        configure(tmp_path, f"debug = 6\n{first}{text}TIMEOUTidle = x\n")
        other.waitFor("TIMEOUTidle", READY)
        configure(tmp_path, f"debug = 6\n{first}{text}TIMEOUTidle = 8\n")
        awaitLines(child, "Configuration successful", 3)
        assert other.end() == 0
