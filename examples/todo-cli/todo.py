"""A to-do list on the command line, kept in one JSON file.

    python3 todo.py add "water the plants"
    python3 todo.py list
    python3 todo.py done 1
"""

import json
import os
import sys
from pathlib import Path


class Todo:
    """Items with ids that are never used twice, written through a temporary neighbour."""

    def __init__(self, path):
        self.path = Path(path)
        self.items = json.loads(self.path.read_text("utf-8")) if self.path.exists() else []

    def add(self, text):
        item = {"id": len(self.items), "text": text, "done": False}
        self.items.append(item)
        self._save()
        return item

    def finish(self, number):
        for item in self.items:
            if item["id"] == number:
                item["done"] = True
                self._save()
                return item
        raise KeyError(number)

    def open_items(self):
        return [item for item in self.items if not item["done"]]

    def _save(self):
        neighbour = self.path.with_name(self.path.name + ".new")
        neighbour.write_text(json.dumps(self.items, ensure_ascii=False, indent=2), "utf-8")
        os.replace(neighbour, self.path)


def main(arguments):
    todo = Todo(os.environ.get("TODO_FILE", "todo.json"))
    command, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if command == "add" and rest:
        print(f"added {todo.add(' '.join(rest))['id']}")
    elif command == "done" and len(rest) == 1 and rest[0].isdigit():
        try:
            print(f"done: {todo.finish(int(rest[0]))['text']}")
        except KeyError:
            print(f"no item {rest[0]}", file=sys.stderr)
            return 1
    elif command == "list" and not rest:
        for item in todo.open_items():
            print(f"{item['id']:>3}  {item['text']}")
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
