import os
import threading
from unittest import mock

from apts import read_file, write_file

from .workspace import WorkspaceTest


def fork_all(count, action):
    """``action(number)`` in ``count`` processes at once, each started by the same closing of a
    pipe; their statuses."""
    reading, writing = os.pipe()
    pids = []
    for number in range(count):
        pid = os.fork()
        if pid == 0:
            status = 99
            try:
                os.close(writing)
                os.read(reading, 1)
                status = action(number)
            finally:
                os._exit(status)
        pids.append(pid)
    os.close(reading)
    os.close(writing)
    return [os.waitpid(pid, 0)[1] >> 8 for pid in pids]


class ConcurrencyTest(WorkspaceTest):
    def test_one_of_100_threads_wins(self):
        for _ in range(5):
            barrier = threading.Barrier(100)
            answers = [None] * 100

            def write(number, barrier=barrier, answers=answers):
                barrier.wait()
                answers[number] = write_file("d/f", "%d" % number * 1000, parents=True)

            threads = [threading.Thread(target=write, args=(number,)) for number in range(100)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            winners = [number for number in range(100) if answers[number]["ok"]]
            self.assertEqual(len(winners), 1)
            self.assertEqual(self.content("d/f"), b"%d" % winners[0] * 1000)
            self.assertEqual({a["error"]["code"] for a in answers if not a["ok"]}, {"file.exists"})
            self.assertEqual(os.listdir("d"), ["f"])
            os.unlink("d/f")
            os.rmdir("d")

    def test_one_of_100_processes_wins(self):
        def write(number):
            answer = write_file("f", "%d" % number)
            return 0 if answer["ok"] else 1 if answer["error"]["code"] == "file.exists" else 2

        statuses = fork_all(100, write)
        self.assertEqual(sorted(statuses), [0] + [1] * 99)
        self.assertEqual(self.content("f"), b"%d" % statuses.index(0))

    def test_one_wins_without_hard_links(self):
        def write(number):
            answer = write_file("f", "%d" % number)
            return 0 if answer["ok"] else 1 if answer["error"]["code"] == "file.exists" else 2

        with mock.patch.object(os, "link", side_effect=PermissionError(1, "")):
            statuses = fork_all(50, write)
        self.assertEqual(sorted(statuses), [0] + [1] * 49)

    def test_a_reader_never_sees_half_a_file(self):
        # Each version is one letter, its number of times told by the letter; both kinds of reader
        # must see just that.
        length_of = {letter: 50_000 + 17_001 * index for index, letter in enumerate("abcd")}
        self.make("f", b"a" * length_of["a"])

        def is_whole(text):
            return text[:1] in length_of and text == text[0] * length_of[text[0]]

        def act(number):
            if number < 4:
                letter = "abcd"[number]
                for _ in range(60):
                    if not write_file("f", letter * length_of[letter], overwrite=True)["ok"]:
                        return 1
                return 0
            for _ in range(150):
                answer = read_file("f")
                if not answer["ok"] or not is_whole(answer["content"]):
                    return 2
                with open("f") as file:
                    if not is_whole(file.read()):
                        return 3
            return 0

        self.assertEqual(fork_all(8, act), [0] * 8)

    def test_a_new_file_appears_whole(self):
        def act(number):
            for round_number in range(30):
                path = "f%d" % round_number
                if number < 2:
                    write_file(path, "x" * 100_000)
                else:
                    for _ in range(1_000_000):
                        answer = read_file(path)
                        if answer["ok"] or answer["error"]["code"] != "file.not-found":
                            break
                    if not answer["ok"] or answer["size"] != 100_000:
                        return 1
            return 0

        self.assertEqual(fork_all(4, act), [0] * 4)
