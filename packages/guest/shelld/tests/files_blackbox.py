"""Every test of the file operations of shelld, driven over its socket: files_blackbox.py [path of shelld]."""
import os
import pathlib
import sys
import unittest

if __name__ == "__main__":
    if len(sys.argv) > 1:
        os.environ["SHELLD"] = os.path.abspath(sys.argv[1])
    here = str(pathlib.Path(__file__).resolve().parent)
    suite = unittest.defaultTestLoader.discover(here, "test_files_*.py")
    sys.exit(not unittest.TextTestRunner().run(suite).wasSuccessful())
