#!/bin/sh
# same_bits.sh PROGRAM VARIANT: builds the library and same_bits.c once more, in another way, and compares what the new
# program prints with what PROGRAM prints. A compiler that is not installed is skipped, by name.
set -eu
program=$1
variant=$2
cd "$(dirname "$0")/.."

case $variant in
gcc-O0) build="gcc -O0 -ffp-contract=off" ;;
# Contraction asked for, with hardware that has it: what the sources say themselves must be enough.
gcc-contract-fast) build="gcc -O3 -march=native -ffp-contract=fast" ;;
clang-O3) build="clang -O3 -ffp-contract=off" ;;
*)
	echo "same_bits.sh: unknown variant $variant" >&2
	exit 2
	;;
esac

compiler=${build%% *}
if ! command -v "$compiler" >/dev/null; then
	echo "SKIP $variant: $compiler is not installed"
	exit 77
fi

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
$build -std=c11 -Iinclude -Isrc src/*/*.c tests/same_bits.c -o "$dir/same_bits" -lm
"$program" >"$dir/expected"
"$dir/same_bits" >"$dir/found"
diff "$dir/expected" "$dir/found"
echo "$variant: $(wc -l <"$dir/found") lines agree"
