#!/bin/sh
# Makes sure that programs and libraries are there, and installs what is missing with Debian's apt-get.
#
#   sh tools/need.sh command:chromium=chromium library:opus=libopus0 font:NotoSans=fonts-noto-core
#
# Each argument is a check, then the Debian package that satisfies it. Nothing is installed when every check passes, so
# that other systems can bring these things their own way. Ends with 1 and a sentence when something stays missing.
set -eu

has() {
    kind=${1%%:*}
    name=${1#*:}
    case $kind in
        command) command -v "$name" >/dev/null 2>&1 ;;
        library) PATH="$PATH:/sbin:/usr/sbin" ldconfig -p 2>/dev/null | grep -q "lib$name\.so" ;;
        module) "${PYTHON:-python3}" -c "import $name" >/dev/null 2>&1 ;;
        font) find /usr/share/fonts /usr/local/share/fonts -name "$name*" 2>/dev/null | grep -q . ;;
        *) echo "need.sh: no such kind of check: $kind" >&2; exit 2 ;;
    esac
}

missing() {
    for pair in "$@"; do
        has "${pair%%=*}" || printf '%s ' "${pair#*=}"
    done
}

packages=$(missing "$@")
[ -n "$packages" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "Unisono needs what Debian calls: $packages" >&2
    echo "This is not a Debian system. Please install them its own way, then run make again." >&2
    exit 1
fi

if [ "$(id -u)" = 0 ]; then
    as_root=""
elif command -v sudo >/dev/null 2>&1 && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
    as_root="sudo"
else
    echo "Unisono needs some Debian packages, and only an administrator can install them. Please run:" >&2
    echo "    apt-get install $packages" >&2
    echo "as root, then run make again." >&2
    exit 1
fi

install() {
    # shellcheck disable=SC2086  # words are wanted: one package each, and perhaps no sudo
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $packages >/dev/null
}

echo "Installing $packages"
# A machine whose package lists are fresh is not asked to fetch them again.
if ! install 2>/dev/null; then
    $as_root apt-get update -qq
    install
fi

packages=$(missing "$@")
if [ -n "$packages" ]; then
    echo "Still missing after installing: $packages" >&2
    exit 1
fi
