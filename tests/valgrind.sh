#!/bin/sh
# valgrind.sh PROGRAM: no read of memory that was never written, none out of bounds, no leak.
set -eu
if ! command -v valgrind >/dev/null; then
	echo "SKIP valgrind: not installed"
	exit 77
fi
valgrind --quiet --leak-check=full --error-exitcode=1 "$1" >/dev/null
echo "valgrind: clean"
