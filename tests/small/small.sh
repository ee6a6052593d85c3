#!/bin/sh
# small.sh C_COMPILER: builds the library with few methods and links a program with it: it holds those and no others.
set -eu
cc=$1
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
{
	cmake -S "$here/../.." -B "$dir" -DCMAKE_C_COMPILER="$cc" -DCMAKE_BUILD_TYPE=MinSizeRel -DDEMIST_EXAMPLES=OFF \
		-DDEMIST_WERROR=ON -DDEMIST_SIMD=OFF -DDEMIST_SELECTION="$here/methods.h" &&
		cmake --build "$dir" --target demist
} >"$dir/log" 2>&1 || { cat "$dir/log"; exit 1; }
"$cc" -Os -I"$here/../../include" "$here/program.c" "$dir/src/libdemist.a" -lm -Wl,--gc-sections -o "$dir/program"
"$dir/program"
if nm "$dir/program" | grep dmi_sampler_ | grep -v -e euler -e ddim -e dpmpp_2m -e registry -e print; then
	echo "small.sh: these are not among the methods asked for" >&2
	exit 1
fi
strip "$dir/program"
echo "a program with three samplers: $(stat -c %s "$dir/program") bytes"
