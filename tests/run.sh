#!/bin/sh
# run.sh [BUILD_DIR] [CMAKE_OPTION...]: installs cmocka if it is missing (Debian), builds the library, the examples and
# the tests with every warning an error, and runs all tests. BUILD_DIR is build beside this folder unless given.
set -eu
cd "$(dirname "$0")/.."
build=${1:-build}
[ $# -eq 0 ] || shift

if ! echo '#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>' | cc -fsyntax-only -xc - 2>/dev/null; then
	as_root=
	[ "$(id -u)" -eq 0 ] || as_root=sudo
	$as_root apt-get update
	$as_root apt-get install -y libcmocka-dev
fi

jobs=$(getconf _NPROCESSORS_ONLN)
cmake -S . -B "$build" -DDEMIST_TESTS=ON -DDEMIST_WERROR=ON "$@"
cmake --build "$build" -j "$jobs"
ctest --test-dir "$build" --output-on-failure -j "$jobs"
