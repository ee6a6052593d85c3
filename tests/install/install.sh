#!/bin/sh
# install.sh BUILD_DIR C_COMPILER: installs a build into a folder, moves that folder, and builds and runs a program with
# what is there: through find_package, through pkg-config and, without installing, through add_subdirectory.
set -eu
build=$1
cc=$2
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

fail() {
	echo "$*" >&2
	exit 1
}

# Runs a program and checks that it uses the shared library (yes) or does not (no).
check() {
	"$1" || fail "$1 failed"
	case $(readelf -d "$1") in
	*'[libdemist.so.0]'*) used=yes ;;
	*) used=no ;;
	esac
	[ $used = "$2" ] || fail "$1: shared library used: $used, expected: $2"
}

with_cmake() { # NAME SHARED OPTION...
	name=$1 shared=$2
	shift 2
	{ cmake -S "$here" -B "$dir/$name" -DCMAKE_C_COMPILER="$cc" "$@" &&
		cmake --build "$dir/$name"; } >"$dir/log" 2>&1 || { cat "$dir/log"; fail "$name: build failed"; }
	echo "$name"
	check "$dir/$name/consumer" "$shared"
}

cmake --install "$build" --prefix "$dir/first" >/dev/null
mv "$dir/first" "$dir/moved"
with_cmake find_package-static no -DCMAKE_PREFIX_PATH="$dir/moved" -DTARGET=demist::demist
with_cmake find_package-shared yes -DCMAKE_PREFIX_PATH="$dir/moved" -DTARGET=demist::demist_shared

if command -v pkg-config >/dev/null; then
	pc=$(find "$dir/moved" -name demist.pc)
	PKG_CONFIG_PATH=$(dirname "$pc")
	export PKG_CONFIG_PATH
	libdir=$(pkg-config --variable=libdir demist)
	version=$(awk '/define DM_VERSION_(MAJOR|MINOR|PATCH)/ { v = v "." $3 } END { print substr(v, 2) }' \
		"$dir/moved/include/demist/base.h")
	pkg-config --exact-version="$version" demist ||
		fail "demist.pc has version $(pkg-config --modversion demist), the headers $version"
	echo pkg-config-shared
	# shellcheck disable=SC2046
	"$cc" "$here/consumer.c" -o "$dir/shared" $(pkg-config --cflags --libs demist) -Wl,-rpath,"$libdir"
	check "$dir/shared" yes
	echo pkg-config-static
	# shellcheck disable=SC2046
	"$cc" -static "$here/consumer.c" -o "$dir/static" $(pkg-config --static --cflags --libs demist)
	check "$dir/static" no
else
	fail "pkg-config is not installed (Debian: apt-get install pkg-config)"
fi

with_cmake add_subdirectory no -DDEMIST_SOURCE="$here/../.." -DTARGET=demist::demist
cmake --install "$dir/add_subdirectory" --prefix "$dir/nothing" >/dev/null
[ ! -e "$dir/nothing" ] || fail "demist as a subdirectory installs itself: $(find "$dir/nothing" -type f)"
echo "all consumers work"
