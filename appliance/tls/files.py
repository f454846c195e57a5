"""The files of one section: reads them all, and says all that is wrong with them at once.

Only C{cryptography} is used, so a configuration can be checked without building a TLS context.
What is read is described in L{appliance.tls.certificate}, the reading is L{appliance.tls.pem}.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TypeVar

from attrs import evolve, field, frozen
from cryptography import x509

from appliance.config.model import (
    Problem,
    Severity,
    TLSConfig,
    TLSVersion,
    Where,
)
from appliance.tls.certificate import KeyPair, matches
from appliance.tls.concerns import concerns, mismatch, permissions
from appliance.tls.hashed import certificateFiles, certificatesIn
from appliance.tls.passphrase import Passphrases
from appliance.tls.pem import FileError, loadAuthorities, loadCertificate, loadKey
from appliance.tls.psk import Secrets, loadSecrets
from appliance.tls.revocation import (
    RevocationList,
    Revocations,
    embedded,
    loadDirectory,
    loadLists,
)

T = TypeVar("T")

CRL_EXPIRES_SOON = 2
"""From so many days before a CRL is overdue people are told; many are good for a week."""


@frozen
class Material:
    """What a section's files hold.

    C{authorities} are the certificates of CAfile, C{inDirectory} those that CApath has at present;
    each handshake looks there anew.
    """

    pair: KeyPair | None = None
    authorities: tuple[x509.Certificate, ...] = ()
    inDirectory: tuple[x509.Certificate, ...] = ()
    revocations: Revocations = field(factory=Revocations)
    secrets: Secrets | None = None

    @property
    def known(self) -> tuple[x509.Certificate, ...]:
        """All certificates but the own one; they say who has issued others."""
        return (*self.authorities, *self.inDirectory)


def inspect(
    tls: TLSConfig, now: datetime, passphrases: Passphrases | None = None
) -> tuple[Material, tuple[Problem, ...]]:
    """Read a section's files, and say all that is wrong with them at once.

    C{now} is aware, in UTC. The pair is there when certificate and key could be read and belong
    together, even if another problem forbids their use. C{passphrases} open what is encrypted.
    """
    reading = _Reading(tls, now, passphrases or Passphrases())
    pair = None if tls.cert is None else reading.pair(tls.cert)
    authorities, inDirectory = reading.authorities()
    revocations = reading.revocations()
    secrets = None if tls.pskSecrets is None else reading.secrets(tls.pskSecrets)
    material = Material(pair, authorities, inDirectory, revocations, secrets)
    return material, tuple(reading.problems)


class _Reading:
    """One section's files being read; C{problems} is all that is wrong so far."""

    def __init__(self, tls: TLSConfig, now: datetime, passphrases: Passphrases) -> None:
        self.problems: list[Problem] = []
        self._tls = tls
        self._now = now
        self._unlock = partial(passphrases.unlock, file=tls.keyPassphrase)
        self._caWhere = tls.caWhere if tls.caWhere.path else tls.certWhere

    def _loaded(self, load: Callable[[str], T], path: str, where: Where, option: str) -> T | None:
        try:
            return load(path)
        except FileError as error:
            self._refuse(error, where, option)
            return None

    def _refuse(
        self, error: FileError, where: Where, option: str, severity: Severity = Severity.ERROR
    ) -> None:
        problem = Problem(severity, where, error.found, error.expected, error.advice, option=option)
        if all(known.found != problem.found for known in self.problems):
            self.problems.append(problem)

    def _warn(self, found: str, where: Where, option: str, advice: str = "") -> None:
        self._refuse(FileError(found, advice=advice), where, option, Severity.WARNING)

    def pair(self, path: str) -> KeyPair | None:
        """The certificate at C{path} with its key."""
        tls = self._tls
        keyPath, keyWhere = (tls.key, tls.keyWhere) if tls.key else (path, tls.certWhere)
        certificate = self._loaded(
            partial(loadCertificate, unlock=self._unlock), path, tls.certWhere, "cert"
        )
        key = self._loaded(partial(loadKey, unlock=self._unlock), keyPath, keyWhere, "key")
        if certificate is not None:
            self.problems += concerns(certificate, tls, self._now)
        if key is not None:
            self._judgeAccess(keyPath, keyWhere, "private key", "key")
            if tls.keyPassphrase is not None:
                self._judgeAccess(tls.keyPassphrase, keyWhere, "passphrase in", "keyPassphrase")
        if certificate is None or key is None:
            return None
        if matches(certificate, key):
            return KeyPair(certificate, key)
        self.problems.append(mismatch(certificate, key, path, keyPath, keyWhere))
        return None

    def _judgeAccess(self, path: str, where: Where, what: str, option: str) -> None:
        problem = permissions(path, self._tls.keyPermissions, where, what, option)
        if problem is not None:
            self.problems.append(problem)

    def authorities(self) -> tuple[tuple[x509.Certificate, ...], tuple[x509.Certificate, ...]]:
        """The certificates in CAfile, and those in CApath."""
        file, directory = self._tls.caFile, self._tls.caPath
        found = file and self._loaded(loadAuthorities, file, self._caWhere, "CAfile")
        if directory is None:
            return found or (), ()
        try:
            files = certificateFiles(directory)
        except OSError as error:
            unreadable = FileError(f"cannot read {directory}: {error.strerror}")
            self._refuse(unreadable, self._caWhere, "CApath")
            return found or (), ()
        if not files:
            self._warn(
                f"no certificate in {directory} is named by its hash, so none is found there",
                self._caWhere,
                "CApath",
                f"name them: openssl rehash {shlex.quote(directory)}",
            )
        return found or (), tuple(each for path in files for each in certificatesIn(path))

    def revocations(self) -> Revocations:
        """The CRLs of CRLfile and CRLpath, none where neither is asked for."""
        file, directory = self._tls.crlFile, self._tls.crlPath
        if file is None and directory is None:
            return Revocations()
        lists = (file and self._loaded(loadLists, file, self._caWhere, "CRLfile")) or ()
        # OpenSSL takes those that stand among the certificates too.
        beside = (
            self._loaded(lambda path: embedded([path]), self._tls.caFile, self._caWhere, "CAfile")
            if self._tls.caFile
            else ()
        )
        found, wrong = (
            self._loaded(loadDirectory, directory, self._caWhere, "CRLpath") or ((), ())
            if directory
            else ((), ())
        )
        for error in wrong:
            self._refuse(error, self._caWhere, "CRLpath", Severity.WARNING)
        known = Revocations((*lists, *(beside or ())), found)
        for each in (*known.lists, *known.inDirectory):
            self._judgeDate(each)
        return known

    def _judgeDate(self, each: RevocationList) -> None:
        due = each.nextUpdate
        if due is None:
            return
        option = "CRLpath" if each.path.startswith(f"{self._tls.crlPath}/") else "CRLfile"
        list_ = f"the CRL of {each.issuer} in {each.path}"
        when = f"{due:%Y-%m-%d %H:%M} UTC"
        advice = "fetch the next one from the authority that issues it"
        if due < self._now:
            found = f"{list_} was good until {when}: certificates of this authority are refused"
            self._warn(found, self._caWhere, option, advice)
        elif (due - self._now).days < CRL_EXPIRES_SOON:
            self._warn(f"{list_} is good until {when} only", self._caWhere, option, advice)

    def secrets(self, path: str) -> Secrets | None:
        """The pre-shared keys in the file at C{path}."""
        tls = self._tls
        where = next((w for w in (tls.certWhere, tls.caWhere) if w.path), tls.certWhere)
        found = self._loaded(loadSecrets, path, where, "PSKsecrets")
        if found is None:
            return None
        access = permissions(path, tls.keyPermissions, where, "file of keys", "PSKsecrets")
        if access is not None:
            # The first words are stunnel's.
            said = f"Insecure file permissions on {path}: {access.found}"
            self.problems.append(evolve(access, found=said))
        wanted = tls.pskIdentity
        if tls.client and wanted is not None and wanted.encode() not in found.keys:
            self._refuse(
                FileError(f"{path} has no key for the identity {wanted!r}", f"a line {wanted}:KEY"),
                where,
                "PSKidentity",
            )
        suites = (tls.ciphersuites or "").split(":")
        # Without a certificate OpenSSL looks for such a suite, with one it takes the first.
        usable = suites[:1] if tls.cert is not None else suites
        if (
            tls.ciphersuites is not None
            and tls.maximum >= TLSVersion.TLSv1_3
            and not any("SHA256" in suite for suite in usable)
        ):
            self._warn(
                f"with TLSv1.3 pre-shared keys need a suite with SHA256, not {tls.ciphersuites!r}",
                where,
                "ciphersuites",
                "write TLS_AES_128_GCM_SHA256 first",
            )
        return found
