"""Black-box tests of shelld: `blackbox.py PATH_OF_SHELLD [NAME ...]`. A test gets a guest that all of them share, and
a connection of its own."""
import os
import sys
import time
import traceback

import cases_conn
import cases_exec
import cases_kill
import cases_tunnel
import cases_user
from guest import BINARY, Guest


def main():
    wanted = sys.argv[2:]
    tests = {name[5:]: test for module in (cases_exec, cases_kill, cases_conn, cases_tunnel, cases_user)
             for name, test in vars(module).items() if name.startswith("test_")}
    guest = Guest(BINARY)
    failed = 0
    for name, test in tests.items():
        if wanted and name not in wanted:
            continue
        started = time.monotonic()
        client = guest.connect()
        try:
            test(guest, client)
            print(f"ok    {name} ({time.monotonic() - started:.2f} s)", flush=True)
        except Exception as problem:
            failed += 1
            traceback.print_exc()
            print(f"FAIL  {name}: {type(problem).__name__} {problem}", flush=True)
        client.close()
        if guest.process.poll() is not None:
            print(f"FAIL  shelld is gone ({guest.process.returncode})")
            guest, failed = Guest(BINARY), failed + 1
    code = guest.stop()
    print(f"{os.path.basename(BINARY)}: {failed} failed, exit {code}")
    sys.exit(1 if failed or code else 0)


main()
