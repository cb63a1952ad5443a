"""Tests of apts: ``python3 -m unittest discover -s python/tests -t python``."""
