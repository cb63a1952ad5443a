"""Who a command runs as: the user of exec.start, by the passwd and group of this host."""
import grp
import os
import pwd
import signal
import struct

from guest import ENV, KILL, PTY, SIGNAL, eventually, u32, with_mark

IDS = "id -u; id -g; id -G; echo $HOME"
PROOF = """
grep -E '^(Uid|Gid|Cap(Inh|Prm|Eff|Amb)):' /proc/self/status
echo text > /dev/stdout && echo stdout; echo text > /dev/stderr && echo stderr
touch /root/mine 2>/dev/null || echo refused
"""


def is_root():
    return os.geteuid() == 0


def refused(client, user):
    process = client.start(["true"], user=user)
    client.until(lambda: process.end)
    return process.errno


def test_user_by_name_and_number(guest, client):
    if not is_root():
        assert refused(client, "65534") == refused(client, "nobody") == 22, "only root changes users"
        return
    nobody = pwd.getpwnam("nobody")
    tty = grp.getgrnam("tty").gr_gid
    cases = {
        "nobody": (nobody.pw_uid, nobody.pw_gid, nobody.pw_dir),
        str(nobody.pw_uid): (nobody.pw_uid, nobody.pw_gid, nobody.pw_dir),
        "nobody:tty": (nobody.pw_uid, tty, nobody.pw_dir),
        f"nobody:{tty}": (nobody.pw_uid, tty, nobody.pw_dir),
        "23456:34567": (23456, 34567, "/"),
        "23456": (23456, 0, "/"),
        "root": (0, 0, "/root"),
    }
    for user, (uid, gid, home) in cases.items():
        lines = client.run("sh", "-c", IDS, user=user).stdout.decode().split("\n")
        assert lines[:2] == [str(uid), str(gid)] and lines[3] == home, (user, lines)
        assert lines[2].split()[0] == str(gid), (user, lines)
    assert client.run("sh", "-c", "echo $HOME", user="nobody", env=[*ENV, "HOME=/mine"]).stdout == b"/mine\n"


def test_user_that_is_refused(guest, client):
    for user in ("", "no-such-user", "nobody:no-such-group", "-1", "a:b:c", "nobody:", "4294967295", "2147483648", "x" * 300, "a\nb"):
        assert refused(client, user) == 22, user
    assert client.run("true").code == 0


def test_user_has_nothing_of_root(guest, client):
    if not is_root():
        return
    for flags in (0, PTY):
        said = client.run("sh", "-c", PROOF, user="nobody", flags=flags).stdout.decode().replace("\r", "").split("\n")
        rows = dict(line.split(":\t") for line in said if ":\t" in line)
        uid = str(pwd.getpwnam("nobody").pw_uid)
        assert rows.pop("Uid").split() == [uid] * 4 and len(set(rows.pop("Gid").split())) == 1
        assert rows == {name: "0" * 16 for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")}, rows
        assert "refused" in said and "stdout" in said and "stderr" in said, said
    assert os.stat("/dev/null").st_uid == 0, "what everybody has is nobody's"


def test_user_is_killed_like_anybody(guest, client):
    if not is_root():
        return
    mark = f"user-{os.getpid()}"
    process = client.start(["sh", "-c", f"setsid sh -c 'sleep 60; : {mark}' & sleep 60; : {mark}"], user="nobody").started()
    eventually(lambda: len(with_mark(mark)) == 2)
    assert client.done(SIGNAL, struct.pack("<IBB", process.id, signal.SIGWINCH, 2))[1] == 0
    assert client.done(KILL, u32(process.id))[1] == 0
    assert process.wait().cause == "killed" and with_mark(mark) == []
