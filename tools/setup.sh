#!/bin/sh
# Makes .venv with everything a server needs, or, as `setup.sh dev`, everything contributors need as well.
# Does nothing when that has been done for this pyproject.toml already. PYTHON=... chooses the interpreter.
set -eu
cd "$(dirname "$0")/.."

extra=${1:-server}
venv=.venv
stamp=$venv/unisono-$extra

fits() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    for candidate in ${PYTHON:-} python3 python3.11 python3.12 python3.13 python3.14 /usr/bin/python3; do
        if fits "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    echo "Unisono needs Python 3.11 or newer, and none was found. On Debian 12: apt-get install python3" >&2
    exit 1
}

make_venv() {
    python=$(find_python)
    minor=$("$python" -c 'import sys; print(f"{sys.version_info[0]}.{sys.version_info[1]}")')
    # Debian keeps the modules that make environments in a package of their own.
    PYTHON=$python sh tools/need.sh "module:ensurepip=python$minor-venv" "module:venv=python$minor-venv"
    rm -rf "$venv"
    "$python" -m venv "$venv"
}

fingerprint() {
    "$venv/bin/python" - <<'PYTHON'
import hashlib, pathlib, sys
print(sys.version.split()[0], pathlib.Path.cwd(), hashlib.sha256(pathlib.Path("pyproject.toml").read_bytes()).hexdigest())
PYTHON
}

sh tools/need.sh library:opus=libopus0 library:EGL=libegl1 library:GL=libgl1

fits "$venv/bin/python" && "$venv/bin/python" -m pip --version >/dev/null 2>&1 || make_venv

wanted=$(fingerprint)
for done in "$stamp" "$venv/unisono-dev"; do # contributors have all that a server has
    [ -f "$done" ] && [ "$(cat "$done")" = "$wanted" ] && exit 0
done

echo "Setting up $venv ($extra); the first time takes a minute or two"
what=.
[ "$extra" = server ] || what=".[$extra]"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --use-pep517 --editable "$what"
echo "$wanted" > "$stamp"
