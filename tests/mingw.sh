#!/bin/sh
# Cross-compiles the library for Windows without a warning and links it as a DLL: nothing but the C library is missing.
set -eu
cd "$(dirname "$0")/.."
cc=x86_64-w64-mingw32-gcc
if ! command -v $cc >/dev/null; then
	echo "SKIP mingw: $cc is not installed"
	exit 77
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
$cc -std=c11 -O0 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Werror -ffp-contract=off \
	-DDM_SHARED -DDM_BUILDING -Iinclude -Isrc -shared src/*/*.c -o "$dir/demist.dll" -Wl,--out-implib,"$dir/libdemist.dll.a"
$cc -std=c11 -O1 -Wall -Wextra -DDM_SHARED -Iinclude tests/install/consumer.c -o "$dir/consumer.exe" -L"$dir" -ldemist
echo "mingw: $($cc -dumpversion), no warning"
