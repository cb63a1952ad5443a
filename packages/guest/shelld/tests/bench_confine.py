"""What Landlock and the filter take together, in microseconds. A figure, and no test: it is that of the machine."""
import statistics
import unittest

from confine_harness import landlock, run

ROUNDS = 50

try:
    took = [run(["--seccomp", *landlock()], ["true"]).took_us for _ in range(ROUNDS)]
    print(f"confinement: {min(took):.0f} µs at best, {statistics.median(took):.0f} µs at the median of {ROUNDS}")
finally:
    unittest.doModuleCleanups()
