#!/bin/sh
# What an agent does all day, in one script: run the tests, fix what fails, run them again, use the program, report.
# Then it tries two things that its sandbox has to refuse. Works on a copy: the project itself stays as it is.
# Exit 0: the work was done, and both attempts were refused.
set -u
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -R "$here/todo.py" "$here/tests" "$here/fix-ids.patch" "$work"
cd "$work" || exit 1
export PYTHONDONTWRITEBYTECODE=1
unset TODO_FILE
status=0

say() { printf '%-9s%s\n' "$1" "$2"; }
summary() { tail -n 1 "$1"; }

if python3 -m unittest discover >tests.log 2>&1; then
  say tests 'all pass; expected one failure'
  status=1
else
  say tests "$(summary tests.log): $(sed -n 's/^FAIL: \([a-z_]*\).*/\1/p' tests.log)"
fi

if patch -s -p1 <fix-ids.patch || git apply fix-ids.patch; then
  say patch 'todo.py: ids count up from one'
else
  say patch 'does not apply'
  status=1
fi

if python3 -m unittest discover >tests.log 2>&1; then
  say tests "$(sed -n 's/^Ran \([0-9]*\) tests.*/\1 pass/p' tests.log)"
else
  say tests "$(summary tests.log)"
  status=1
fi

python3 todo.py add write the report >/dev/null
python3 todo.py add ship it >/dev/null
python3 todo.py done 1 >/dev/null
{ echo '# Report'; echo; echo 'Open:'; python3 todo.py list; } >report.md
say report "$(tail -n 1 report.md | sed 's/^ *//') ($(wc -l <report.md | tr -d ' ') lines)"

# Homes other than our own: on the host they hold keys; in a sandbox there is nothing to see.
seen=$(for home in /root /home/*; do [ "$home" = "${HOME:-}" ] || ls -A "$home" 2>/dev/null; done | head -n 1)
if [ -n "$seen" ] || [ -r "${HOME:-/nowhere}/.ssh" ]; then
  say files "REACHED a home of the host"
  status=1
else
  say files 'refused: no home of the host and no ~/.ssh is in sight'
fi

# An address of the documentation range (RFC 5737), which nobody has: a sandbox without a network says so at once.
answer=$(python3 - <<'END'
import errno, socket
try:
    socket.create_connection(("192.0.2.1", 9), timeout=1).close()
    print("REACHED")
except OSError as error:
    refused = error.errno in (errno.ENETUNREACH, errno.EACCES, errno.EPERM)
    print(("refused: " if refused else "REACHED a network: ") + str(error).split("] ")[-1])
END
)
say network "$answer"
case $answer in refused*) ;; *) status=1 ;; esac

exit $status
