import json
import tempfile
import unittest
from pathlib import Path

from todo import Todo


class TodoTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name) / "todo.json"

    def test_ids_count_up_from_one(self):
        todo = Todo(self.path)
        self.assertEqual([todo.add("first")["id"], todo.add("second")["id"]], [1, 2])

    def test_what_was_added_is_there_after_a_restart(self):
        Todo(self.path).add("wäsche ✓")
        self.assertEqual(Todo(self.path).items[0]["text"], "wäsche ✓")

    def test_done_items_are_not_open(self):
        todo = Todo(self.path)
        item = todo.add("one")
        todo.add("two")
        todo.finish(item["id"])
        self.assertEqual([each["text"] for each in todo.open_items()], ["two"])

    def test_an_unknown_item_is_an_error(self):
        with self.assertRaises(KeyError):
            Todo(self.path).finish(7)

    def test_the_file_is_json(self):
        Todo(self.path).add("x")
        self.assertEqual(len(json.loads(self.path.read_text("utf-8"))), 1)


if __name__ == "__main__":
    unittest.main()
