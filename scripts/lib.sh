# SPDX-License-Identifier: Apache-2.0
# Shared by the scripts: saying what happens, installing what is missing.
# shellcheck shell=bash

set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
die() { printf '\nerror: %s\n' "$*" >&2; exit 1; }

# The packages of the given sections of packages.txt, alternatives kept.
packages_of() {
    awk -v want=" $* " '
        /^#/ || NF == 0 { next }
        /^\[/ { section = substr($0, 2, length($0) - 2); next }
        index(want, " " section " ") { print }' scripts/packages.txt
}

is_installed() { dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }
is_known() { apt-cache show "$1" >/dev/null 2>&1; }

# Whether any alternative of "a|b" is there.
have_package() {
    local p
    for p in ${1//|/ }; do is_installed "$p" && return 0; done
    return 1
}

pick_package() {
    local p
    for p in ${1//|/ }; do is_known "$p" && { echo "$p"; return 0; }; done
    return 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null; then sudo "$@"
    else die "these packages are missing and neither root nor sudo is at hand: $MISSING"
    fi
}

# Installs what is missing of the given sections; does nothing the second time.
install_packages() {
    local line names=()
    MISSING=
    command -v apt-get >/dev/null || { say "no apt-get: taking the installed libraries as they are"; return 0; }
    while read -r line; do have_package "$line" || MISSING+=" $line"; done < <(packages_of "$@")
    [ -n "$MISSING" ] || return 0
    say "Installing:$MISSING"
    as_root apt-get update -qq
    for line in $MISSING; do
        names+=("$(pick_package "$line")") || die "package not available: $line"
    done
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${names[@]}" >/dev/null ||
        die "apt-get could not install: ${names[*]}"
}

# configure DIR [meson options…]: sets up or keeps a build folder
configure() {
    local dir=$1
    shift
    if [ ! -f "$dir/build.ninja" ]; then
        meson setup "$dir" "$@" >"$dir.log" 2>&1 || { tail -n 40 "$dir.log" >&2; die "meson setup $dir failed"; }
    fi
    rm -f "$dir.log"
}

build() { ninja -C "$1" --quiet || die "the build in $1 failed"; }
