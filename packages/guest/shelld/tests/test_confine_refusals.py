"""What the system call filter answers; each row has the answer without the filter, or a twin that is allowed."""
import errno
import platform
import signal
import unittest

from confine_harness import ACTIVE, NOT_REQUESTED, ConfineTest, binaries, for_each_user, run

OK = 0
# probe: errno under --seccomp, errnos it may have without
REFUSED = {
    "keyctl": (errno.EPERM, {OK, errno.ENOKEY, errno.ENOSYS}),
    "unshare": (errno.EPERM, {OK}),
    "clone-newuser": (errno.EPERM, {OK}),
    "clone3": (errno.ENOSYS, {errno.EINVAL}),
    "bpf": (errno.EPERM, {errno.E2BIG, errno.EINVAL, errno.EFAULT, errno.ENOSYS}),
    "io_uring": (errno.EPERM, {errno.EFAULT, errno.ENOSYS}),
    "userfaultfd": (errno.EPERM, {OK, errno.ENOSYS}),
    "fsopen": (errno.EPERM, {OK}),
    "setns": (errno.EPERM, {errno.EBADF}),
    "sethostname": (errno.EPERM, {errno.EINVAL}),
    "syslog": (errno.EPERM, {OK}),
    "personality-exec": (errno.EPERM, {OK}),
    "socket-packet": (errno.EPERM, {OK, errno.EAFNOSUPPORT}),
    "socket-vsock": (errno.EPERM, {OK, errno.EAFNOSUPPORT}),
    "socket-alg": (errno.EPERM, {OK, errno.EAFNOSUPPORT, errno.ENOENT}),
    "tiocsti": (errno.EPERM, {errno.ENOTTY}),
    "tiocsti-high": (errno.EPERM, {errno.ENOTTY}),
    "tioclinux": (errno.EPERM, {errno.ENOTTY}),
    "unknown": (errno.ENOSYS, {errno.ENOSYS}),
}
ALLOWED = "clone ptrace personality-aslr socket-unix socket-inet socket-inet6 socket-netlink".split()
NETWORK = "socket-inet socket-inet6 socket-netlink socket-packet socket-vsock".split()


def probe(options, name, user):
    return run(options, [binaries() / "syscall_probe", name], user)


class Refusals(ConfineTest):
    @for_each_user
    def test_refused(self, user):
        for name, (refused, without) in REFUSED.items():
            ran = probe(["--seccomp"], name, user)
            self.assertEqual(ran.code, refused, name)
            self.assert_state(ran, "seccomp", ACTIVE)
            if user == "root":  # without the filter, a plain user is refused for other reasons
                self.assertIn(probe([], name, user).code, without, name)

    @for_each_user
    def test_allowed(self, user):
        for name in ALLOWED:
            self.assertEqual(probe(["--seccomp"], name, user).code, OK, name)

    def test_ioctl_beside_the_refused_ones(self):
        self.assertEqual(probe(["--seccomp"], "fionread", "self").code, errno.ENOTTY)  # as /dev/null answers

    @for_each_user
    def test_deny_network(self, user):
        for name in NETWORK:
            self.assertEqual(probe(["--deny-network"], name, user).code, errno.EACCES, name)
        self.assertEqual(probe(["--deny-network"], "socket-unix", user).code, OK)

    @unittest.skipUnless(platform.machine() == "x86_64", "int 0x80 and x32 are of x86-64")
    def test_calls_of_i386(self):
        if probe([], "int80", "self").code == -signal.SIGSEGV:
            self.skipTest("this kernel has no calls of i386, so there are none to stop")
        self.assertEqual(probe([], "int80", "self").code, OK, "i386 calls work, so the filter has to stop them")
        self.assertEqual(probe(["--seccomp"], "int80", "self").code, -signal.SIGSYS)

    def test_calls_of_x32(self):
        self.assertEqual(probe(["--seccomp"], "x32", "self").code, errno.ENOSYS)

    def test_not_requested(self):
        self.assert_state(run([], ["true"]), "seccomp", NOT_REQUESTED)

    def test_filter_of_the_launcher_counts(self):
        inner = [binaries() / "confine_exec", "--require", "seccomp", "--", "true"]
        self.assertEqual(run(["--seccomp"], inner).code, 0)


if __name__ == "__main__":
    unittest.main()
