#!/bin/sh
# Says in one line what is missing to make the virtual environment: check_platform.sh PYTHON
fail() { echo "$1" >&2; exit 1; }

python=$1

case "$(uname -s)-$(uname -m)" in
    Linux-x86_64 | Linux-aarch64 | Linux-arm64) ;;
    *) fail "Pixelmill's embedded stack runs on Linux, x86-64 or arm64; this is $(uname -s) $(uname -m)." ;;
esac

[ -n "$python" ] ||
    fail "Python 3.11 or newer is needed, and none was found. Install one, or name it: make PYTHON=/path/to/python3."
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    fail "$python is not Python 3.11 or newer. Name one that is: make PYTHON=/path/to/python3."
[ "$("$python" -c 'import platform; print(platform.libc_ver()[0])')" = glibc ] ||
    fail "Pixelmill's embedded stack needs glibc; $python is linked to another C library (musl?)."
"$python" -c 'import venv, ensurepip' 2>/dev/null ||
    fail "$python has no venv module. On Debian and Ubuntu: apt install python3-venv"
