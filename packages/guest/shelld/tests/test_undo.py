"""What undo does to a directory that changes were applied to, also when either was killed after any change to it."""
import os
import pathlib
import shutil
import stat
import subprocess
import sys
import tempfile
import time
import unittest

from traced import MOST_STOPS, changing_stops, kill_at

BINARY = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else "build/shelld"
DEADLINE_S = 60
STEP = "stp_000000000000"
# In memory where that goes: each run of undo waits for the disk.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
# Whoever is traced can trace no threads of its own, as the search for leaks does.
os.environ["ASAN_OPTIONS"] = "detect_leaks=0"

def run(*words, **more):
    return subprocess.run([BINARY, *map(str, words)], capture_output=True, timeout=DEADLINE_S, **more)


def contents(root):
    """Everything below a directory: what it is, its mode, and what is in it."""
    found = {}
    for directory, directories, files in os.walk(root):
        for name in directories + files:
            path = os.path.join(directory, name)
            info = os.lstat(path)
            what = os.readlink(path) if stat.S_ISLNK(info.st_mode) else ""
            if stat.S_ISREG(info.st_mode):
                what = pathlib.Path(path).read_bytes()
            found[os.fsencode(os.path.relpath(path, root))] = (oct(info.st_mode), what)
    return found


class World:
    """A workspace, what a sandbox changed in it, and an empty record."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.upper, self.target, self.record = (self.root / name for name in ("upper", "target", "record"))
        for path in (self.upper, self.target, self.record):
            path.mkdir()
        self.lines = self.root / "lines"

    def fill(self):
        target, upper = self.target, self.upper
        for name in ("gone/deep", "becomes-file", "mode"):
            (target / name).mkdir(parents=True)
        (target / "gone/leaf").write_text("leaf")
        (target / "gone/deep/leaf").write_text("deep leaf")
        (target / "gone/link").symlink_to("/etc/passwd")
        os.mkfifo(target / "gone/pipe")
        (target / os.fsdecode(b"gone/\xff\n odd")).write_text("odd")
        (target / "becomes-file/inside").write_text("inside")
        (target / "becomes-directory").write_text("was a file")
        (target / "kept").write_text("kept")
        os.chmod(target / "kept", 0o4751)
        (target / "was-link").symlink_to("../elsewhere")
        (target / "same").write_text("same")
        os.mknod(upper / "gone", 0o600 | stat.S_IFCHR, 0)
        (upper / "becomes-file").write_text("now a file")
        (upper / "becomes-directory").mkdir(mode=0o755)
        (upper / "becomes-directory/new").write_text("new")
        (upper / "kept").write_text("changed")
        (upper / "was-link").write_text("now a file")
        (upper / "added").mkdir(mode=0o750)
        (upper / "added/deep").mkdir()
        (upper / "added/deep/file").write_text("x" * 200_000)
        (upper / "added/link").symlink_to("deep/file")
        (upper / "mode").mkdir(mode=0o700)

    def note(self):
        """Writes the lines of all changes, and records what applying them replaces."""
        changes = run("changes", "--content-only", self.upper, self.target).stdout.split(b"\0")[:-1]
        fields = [change.split(b" ", 3) for change in changes]
        self.lines.write_bytes(b"".join(stamp + b" " + path[1:] + b"\0" for _, _, stamp, path in fields))
        return self.note_again()

    def note_again(self, most=1_000_000):
        with self.lines.open("rb") as lines:
            return run("record", self.upper, self.target, self.record, most, stdin=lines)

    def apply(self, *options):
        with self.lines.open("rb") as lines:
            return run("apply", *options, STEP, self.upper, self.target, stdin=lines)

    def apply_recorded(self):
        return self.apply("--record", self.record)

    def undo(self, *options):
        return run("undo", *options, STEP, self.record, self.target)


class Case(unittest.TestCase):
    """Worlds of its own in a directory of its own."""

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(dir=MEMORY))
        self.addCleanup(shutil.rmtree, self.directory)

    def world(self, name="world", fill=True):
        (self.directory / name).mkdir()
        world = World(self.directory / name)
        if fill:
            world.fill()
        return world

    def applied(self, fill=True):
        world = self.world(fill=fill)
        before = contents(world.target)
        self.assertEqual(world.note().returncode, 0)
        self.assertEqual(contents(world.target), before)
        self.assertEqual(world.apply_recorded().returncode, 0)
        return world, before


class Undo(Case):
    """What it does when it is left alone."""

    def test_all_is_as_it_was(self):
        world, before = self.applied()
        after = contents(world.target)
        self.assertNotEqual(after, before)
        planned = world.undo("--dry-run")
        self.assertEqual((planned.returncode, contents(world.target)), (0, after))
        undone = world.undo()
        self.assertEqual((undone.returncode, undone.stderr), (0, b""))
        self.assertEqual(sorted(undone.stdout.split(b"\0")), sorted(planned.stdout.split(b"\0")))
        self.assertIn(b"A - gone/\xff\n odd\0", undone.stdout)
        self.assertEqual(contents(world.target), before)
        again = world.undo()
        self.assertEqual((again.returncode, again.stdout), (0, b""))

    def test_times_are_as_they_were(self):
        def times():
            found = {path: path.lstat().st_mtime_ns for path in world.target.rglob("*")}
            return {str(path): time for path, time in found.items()}

        world = self.world()
        for index, path in enumerate(sorted(world.target.rglob("*"), reverse=True)):
            os.utime(path, ns=(0, index * 1_000_000_007 - 5), follow_symlinks=False)
        before = times()
        self.assertEqual((world.note().returncode, world.apply_recorded().returncode), (0, 0))
        self.assertNotEqual(times(), before)
        self.assertEqual(world.undo().returncode, 0)
        self.assertEqual(times(), before)

    def test_a_record_of_before_there_were_times(self):
        world, before = self.applied()
        (world.record / "stats").unlink()
        undone = world.undo()
        self.assertEqual((undone.returncode, undone.stderr), (0, b""))
        self.assertEqual(contents(world.target), before)

    def refused(self, world, change, *paths):
        """What changed since is named, and nothing else happens; forced, all is as it was."""
        change()
        now = contents(world.target)
        undone = world.undo()
        self.assertEqual(undone.returncode, 20)
        named = [line[4:] for line in undone.stdout.split(b"\0")[:-1]]
        self.assertEqual(sorted(named), sorted(os.fsencode(path) for path in paths))
        self.assertEqual(contents(world.target), now)

    def test_what_was_changed_since(self):
        changes = [
            (lambda target: (target / "kept").write_text("mine"), "kept"),
            (lambda target: os.chmod(target / "kept", 0o600), "kept"),
            (lambda target: (target / "kept").unlink(), "kept"),
            (lambda target: (target / "added/deep/mine").write_text("mine"), "added/deep/mine"),
            (lambda target: (target / "becomes-directory/mine").symlink_to("x"), "becomes-directory/mine"),
            (lambda target: (target / "gone").mkdir(mode=0o700), "gone"),
            (lambda target: (target / "gone").symlink_to("/"), "gone"),
            (lambda target: os.mkfifo(target / "gone"), "gone"),
        ]
        for index, (change, *paths) in enumerate(changes):
            with self.subTest(index):
                world, before = self.applied()
                self.refused(world, lambda: change(world.target), *paths)
                forced = world.undo("--force")
                self.assertEqual((forced.returncode, forced.stderr), (0, b""))
                self.assertEqual(contents(world.target), before)
                shutil.rmtree(world.root)

    def test_what_another_works_on_stays(self):
        world, before = self.applied()
        (world.target / "mine").write_text("mine")
        (world.target / "same").write_text("mine too")
        self.assertEqual(world.undo().returncode, 0)
        now = contents(world.target)
        self.assertEqual((now.pop(b"mine")[1], now.pop(b"same")[1]), (b"mine", b"mine too"))
        before.pop(b"same")
        self.assertEqual(now, before)

    def test_links_lead_nowhere(self):
        outside = self.directory / "outside"
        outside.mkdir()
        (outside / "file").write_text("theirs")
        world = self.world(fill=False)
        (world.target / "place").mkdir()
        (world.target / "place/file").write_text("old")
        (world.upper / "place").mkdir()
        (world.upper / "place/file").write_text("new")
        self.assertEqual((world.note().returncode, world.apply().returncode), (0, 0))
        shutil.rmtree(world.target / "place")
        (world.target / "place").symlink_to(outside)
        for options in [(), ("--force",), ("--interrupted",), ("--force", "--interrupted")]:
            undone = world.undo(*options)
            self.assertEqual((undone.returncode, undone.stdout), (21, b"A ! place/file\0"), options)
        self.assertEqual(contents(outside), {b"file": (oct(0o100644), b"theirs")})

    def test_what_cannot_be_kept(self):
        world = self.world()
        before = contents(world.target)
        self.assertEqual(world.note().returncode, 0)
        for path in world.record.iterdir():
            path.unlink()
        full = world.note_again(most=20)
        self.assertEqual(full.returncode, 22)
        self.assertIn(b"too much to keep", full.stderr)
        self.assertEqual(contents(world.target), before)

    def test_records_that_are_none(self):
        for text in [b"x", b"- - 0\0", b"- - 0 /etc/passwd\0", b"- - ../x y\0", b"f0644:0 - 0 \0"]:
            world = self.world()
            (world.record / "paths").write_bytes(text)
            before = contents(world.target)
            self.assertEqual(world.undo("--force").returncode, 1, text)
            self.assertEqual(contents(world.target), before)
            shutil.rmtree(world.root)


class Conflict(Case):
    """What somebody changes between the record and the apply is not replaced."""

    def test_what_was_changed_meanwhile(self):
        def replace(path):
            (path.parent / "new").write_text("mine")
            (path.parent / "new").rename(path)

        changes = [
            ("kept", lambda target: (target / "kept").write_text("mine")),
            ("kept", lambda target: (target / "kept").write_text("kepT")),
            ("kept", lambda target: replace(target / "kept")),
            ("kept", lambda target: os.chmod(target / "kept", 0o600)),
            ("kept", lambda target: (target / "kept").unlink()),
            ("was-link", lambda target: ((target / "was-link").unlink(), (target / "was-link").symlink_to("mine"))),
            ("mode", lambda target: os.chmod(target / "mode", 0o711)),
            ("added", lambda target: (target / "added").write_text("mine")),
            ("added/deep/file", lambda target: ((target / "added/deep").mkdir(parents=True), (target / "added/deep/file").write_text("mine"))),
            ("gone", lambda target: (target / "gone/mine").write_text("mine")),
            ("gone/deep", lambda target: (target / "gone/deep/mine").symlink_to("x")),
            ("gone/deep/leaf", lambda target: (target / "gone/deep/leaf").write_text("mine")),
            ("becomes-file", lambda target: (target / "becomes-file/mine").mkdir()),
            ("becomes-file/inside", lambda target: (target / "becomes-file/inside").write_text("mine")),
        ]
        for path, change in changes:
            with self.subTest(path):
                world = self.world()
                self.assertEqual(world.note().returncode, 0)
                change(world.target)
                before = contents(world.target)
                ended = world.apply_recorded()
                said = ended.stderr.decode()
                self.assertEqual((ended.returncode, ended.stdout), (23, b""), said)
                self.assertRegex(said, "somebody else has changed (added|%s)\n" % path)
                self.assertEqual(contents(world.target), before)
                shutil.rmtree(world.root)

    def test_what_was_only_touched_is_applied(self):
        world = self.world()
        os.link(world.target / "kept", world.target / "gone/linked")
        self.assertEqual(world.note().returncode, 0)
        os.utime(world.target / "kept", (1, 1))
        (world.target / "elsewhere").write_text("mine")
        ended = world.apply_recorded()
        self.assertEqual((ended.returncode, ended.stderr), (0, b""))
        self.assertEqual((world.target / "kept").read_text(), "changed")
        self.assertFalse((world.target / "gone").exists())

    def test_a_record_that_is_none(self):
        world = self.world()
        self.assertEqual(world.note().returncode, 0)
        before = contents(world.target)
        (world.record / "stats").write_bytes(b"-\0")
        self.assertEqual(world.apply_recorded().returncode, 1)
        (world.record / "paths").unlink()
        self.assertEqual(world.apply_recorded().returncode, 1)
        self.assertEqual(contents(world.target), before)


class Killed(Case):
    """It goes on from wherever it or apply was killed."""

    def killed_everywhere(self, begin, least):
        """Kills what `begin` makes ready at every stop where another state of the directory is to be seen."""
        def ready():
            world = self.world()
            before = contents(world.target)
            # What was changed just now is compared by its content, which takes other stops: all of it is older here.
            time.sleep(0.03)
            self.assertEqual(world.note().returncode, 0)
            return world, before, begin(world)

        world, _, words = ready()
        with world.lines.open("rb") as lines:
            stops = changing_stops(words, lines, lambda: contents(world.target))
        shutil.rmtree(world.root)
        self.assertGreater(len(stops), least)
        self.assertLess(stops[-1], MOST_STOPS)
        for stop in stops:
            world, before, words = ready()
            with world.lines.open("rb") as lines:
                self.assertTrue(kill_at(stop, words, lines), stop)
            undone = world.undo("--interrupted")
            self.assertEqual((undone.returncode, undone.stderr), (0, b""), (stop, undone.stdout))
            self.assertEqual(contents(world.target), before, stop)
            shutil.rmtree(world.root)

    def test_apply_killed_at_every_change(self):
        self.killed_everywhere(
            lambda world: [BINARY, "apply", "--record", world.record, STEP, world.upper, world.target], 30)

    def test_undo_killed_at_every_change(self):
        def begin(world):
            self.assertEqual(world.apply().returncode, 0)
            return [BINARY, "undo", STEP, world.record, world.target]

        self.killed_everywhere(begin, 30)

    def test_undo_of_half_an_apply_killed_at_every_change(self):
        world = self.world()
        self.assertEqual(world.note().returncode, 0)

        def apply(world):
            return [BINARY, "apply", STEP, world.upper, world.target]

        with world.lines.open("rb") as lines:
            stops = changing_stops(apply(world), lines, lambda: contents(world.target))
        shutil.rmtree(world.root)

        def begin(world):
            with world.lines.open("rb") as lines:
                self.assertTrue(kill_at(stops[len(stops) // 2], apply(world), lines))
            return [BINARY, "undo", "--interrupted", STEP, world.record, world.target]

        self.killed_everywhere(begin, 10)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])
