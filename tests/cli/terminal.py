"""Runs a program on a pseudo-terminal of 40 x 100, types lines at it, and prints all it drew.

Usage: terminal.py WAIT=TYPE [WAIT=TYPE ...] -- PROGRAM ARGS. TYPE is sent when WAIT was drawn; escapes as in Python.
"""

import fcntl
import os
import pty
import struct
import sys
import termios

separator = sys.argv.index("--")
steps = [step.split("=", 1) for step in sys.argv[1:separator]]
pid, master = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    os.execvp(sys.argv[separator + 1], sys.argv[separator + 1 :])
drawn = b""
seen = 0
while True:
    try:
        piece = os.read(master, 65536)
    except OSError:
        break
    if not piece:
        break
    drawn += piece
    while steps and steps[0][0].encode() in drawn[seen:]:
        wait, keys = steps.pop(0)
        seen = drawn.index(wait.encode(), seen) + len(wait)
        if keys == "resize":
            fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
        else:
            os.write(master, keys.encode().decode("unicode_escape").encode("latin1"))
status = os.waitpid(pid, 0)[1]
sys.stdout.buffer.write(drawn)
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(status) & 255)
