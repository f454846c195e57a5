"""Who may read a file, by modes, owners and groups alone."""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from appliance.system import access as module
from appliance.system.access import LINKS, Identity, obstacle
from tests.peers import directoryFor

STRANGER = Identity("dicom", 54321, frozenset({54321}))
FELLOW = Identity("dicom", 54321, frozenset({54321, os.getegid()}))


class ObstacleTests(SynchronousTestCase):
    """What stands in the way, within a root of the test's own."""

    def setUp(self) -> None:
        self.root = directoryFor(self)  # type: ignore[arg-type]
        self.root.chmod(0o755)
        self.make("etc/tls", 0o755)
        self.file("etc/tls/key.pem", 0o644)

    def make(self, name: str, mode: int) -> Path:
        """A directory."""
        path = self.root / name
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(mode)
        return path

    def file(self, name: str, mode: int) -> Path:
        """A file."""
        path = self.root / name
        path.touch()
        path.chmod(mode)
        return path

    def assertFree(self, who: Identity = STRANGER, path: str = "/etc/tls/key.pem") -> None:
        """Assert that nothing is in the way."""
        self.assertIsNone(obstacle(path, who, str(self.root)))

    def assertObstacle(
        self, words: str, who: Identity = STRANGER, path: str = "/etc/tls/key.pem"
    ) -> None:
        """Assert what is."""
        found = obstacle(path, who, str(self.root))
        self.assertIsNotNone(found)
        self.assertIn(words, str(found))

    def test_free(self) -> None:
        """Nothing, where everybody may."""
        self.assertFree()

    def test_file(self) -> None:
        """The file's own mode, with whose it is."""
        self.file("etc/tls/key.pem", 0o600)
        user = pwd.getpwuid(os.geteuid()).pw_name
        self.assertObstacle(f"/etc/tls/key.pem may not be read ({user}:")
        self.assertObstacle("mode 0600)")

    def test_group(self) -> None:
        """A group that may read is enough for its members, be it not their first one."""
        self.file("etc/tls/key.pem", 0o640)
        self.assertFree(FELLOW)
        self.assertObstacle("mode 0640")

    def test_firstThatFits(self) -> None:
        """Who is meant more closely is not helped by what everybody may."""
        self.file("etc/tls/key.pem", 0o604)
        self.assertFree(STRANGER)
        self.assertObstacle("mode 0604", FELLOW)
        owned = os.stat_result((0o100044, 0, 0, 1, STRANGER.uid, 0, 0, 0, 0, 0))
        self.assertFalse(STRANGER.may(owned, stat.S_IROTH))
        self.assertTrue(evolve(STRANGER, uid=1).may(owned, stat.S_IROTH))

    def test_parent(self) -> None:
        """A directory above it that may not be searched."""
        self.make("etc", 0o750)
        self.assertObstacle(f"{self.root}/etc may not be entered (")
        self.assertFree(FELLOW)
        self.make("etc", 0o711)
        self.assertFree()

    def test_link(self) -> None:
        """A link leads on by what may be entered at its end."""
        self.make("archive", 0o700)
        self.file("archive/key1.pem", 0o644)
        (self.root / "etc/tls/live.pem").symlink_to("../../archive/key1.pem")
        self.assertObstacle("archive may not be entered", path="/etc/tls/live.pem")
        self.make("archive", 0o755)
        self.assertFree(path="/etc/tls/live.pem")

    def test_absoluteLink(self) -> None:
        """In another root an absolute link begins there, and nothing leads out of it."""
        (self.root / "etc/tls/live.pem").symlink_to("/etc/tls/key.pem")
        (self.root / "etc/tls/out.pem").symlink_to("../../../../etc/tls/key.pem")
        self.assertFree(path="/etc/tls/live.pem")
        self.assertFree(path="/etc/tls/out.pem")

    def test_circle(self) -> None:
        """Links that lead nowhere end."""
        (self.root / "a").symlink_to("b")
        (self.root / "b").symlink_to("a")
        self.assertObstacle("Too many levels", path="/a")
        self.assertGreater(LINKS, 8)

    def test_missing(self) -> None:
        """What is not there."""
        self.assertObstacle("etc/tls/none: No such file", path="/etc/tls/none")

    def test_directory(self) -> None:
        """A directory must be read and searched."""
        for mode, free in ((0o755, True), (0o751, False), (0o754, False)):
            self.make("ca", mode)
            if free:
                self.assertFree(path="/ca")
            else:
                self.assertObstacle("ca may not be read", path="/ca")

    def test_list(self) -> None:
        """Where there is an access control list it is taken to be meant."""
        self.file("etc/tls/key.pem", 0o600)
        self.patch(module.os, "listxattr", lambda _: ["system.posix_acl_access"])
        self.assertFree()

    def test_unlookable(self) -> None:
        """Who asks without rights has nothing to say."""

        def refuse(_: str) -> None:
            raise PermissionError(13, "Permission denied", "/etc")

        self.patch(module.os, "lstat", refuse)
        self.assertFree()

    def test_root(self) -> None:
        """User 0 may do everything."""
        self.file("etc/tls/key.pem", 0)
        self.make("etc", 0)
        self.assertFree(Identity("root", 0, frozenset()))


class IdentityTests(SynchronousTestCase):
    """Whom a process becomes."""

    def setUp(self) -> None:
        self.entry = next(each for each in pwd.getpwall() if each.pw_uid not in (0, os.geteuid()))
        self.patch(module.os, "getgrouplist", lambda _, group: [group, 77])

    def test_name(self) -> None:
        """By name or by number: with the user's own group, and the others that it has."""
        for user in (self.entry.pw_name, str(self.entry.pw_uid)):
            found = Identity.of(user, None)
            assert found is not None
            self.assertEqual((found.name, found.uid), (self.entry.pw_name, self.entry.pw_uid))
            self.assertEqual(found.groups, {self.entry.pw_gid, 77})

    def test_group(self) -> None:
        """The group that is asked for takes the place of the user's own."""
        found = Identity.of(self.entry.pw_name, "4711")
        self.assertEqual(found and found.groups, {4711, 77})

    def test_noMember(self) -> None:
        """Without the user's groups there is one: what was asked for, or what we have."""
        found = Identity.of(self.entry.pw_name, "4711", member=False)
        self.assertEqual(found and found.groups, {4711})
        found = Identity.of(self.entry.pw_name, None, member=False)
        self.assertEqual(found and found.groups, {os.getgid()})

    def test_nobody(self) -> None:
        """Without a user it stays who it is; of a user or group that there is not, none."""
        found = Identity.of(None, None)
        self.assertEqual(found and found.uid, os.geteuid())
        self.assertIsNone(Identity.of("no-such-user", None))
        self.assertIsNone(Identity.of(self.entry.pw_name, "no-such-group"))
