#!/bin/sh
# Installs the few tools that check the page's modules, when package-lock.json has changed since the last time.
set -eu
cd "$(dirname "$0")/.."

major=$(node -p 'process.versions.node.split(".")[0]')
if [ "$major" -lt 18 ]; then
    echo "Checking the page needs Node 18 or newer; this is $(node --version)." >&2
    exit 1
fi
if ! cmp -s package-lock.json node_modules/.unisono-lock; then
    npm ci --silent
    cp package-lock.json node_modules/.unisono-lock
fi
