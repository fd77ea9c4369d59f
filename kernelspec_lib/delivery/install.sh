#!/bin/sh
# Makes /opt/kernel exactly what the lock $1 says: these versions, these hashes, nothing else. Runs as
# root in `docker build`, beside uv, in the image that `kernelspec build` lends for the step.
#
# The environment of the last build lies in the cache, so that only what changed is installed and
# compiled anew. It serves as long as the system below it is the same, if that build came to its end,
# and if no pin stands for other files by now: uv does not look at the digests of what it finds
# installed.
set -eu
lock=$1
tools=$(dirname "$0")
umask 022

if [ -s /run/secrets/uv_toml ]; then export UV_CONFIG_FILE=/run/secrets/uv_toml; fi
system=$({ cat /etc/os-release; dpkg-query --show; python3 -VV; command -v python3; } 2>/dev/null |
    sha256sum | cut -c 1-16)
cache=/var/cache/kernel/$system
environment=$cache/environment
export UV_CACHE_DIR="$cache/uv" UV_NO_PROGRESS=1 UV_PYTHON_DOWNLOADS=never
find /var/cache/kernel -mindepth 1 -maxdepth 1 ! -name "$system" -exec rm -rf {} +
mkdir -p "$cache"

# Every pin with each of its digests, as sorted lines.
awk '/^[a-z0-9]/ { pin = $1 } /--hash=/ { print pin, $1 }' "$lock" | sort >"$cache/asked"
serves() {
    [ -e "$cache/whole" ] || return 1
    cut -d ' ' -f 1 "$cache/asked" | sort -u >"$cache/pins"
    others=$(comm -13 "$cache/asked" "$cache/whole" | cut -d ' ' -f 1 | sort -u | comm -12 - "$cache/pins")
    [ -z "$others" ]
}
if ! serves; then
    rm -rf "$environment"
    "$tools/uv" venv --quiet --relocatable --system-site-packages \
        --python="$(command -v python3)" "$environment"
fi
rm -f "$cache/whole"
"$tools/uv" pip sync --require-hashes --python="$environment/bin/python" "$lock"

# Nothing of the environment itself runs for this: no site, no warnings about libraries' sources.
"$environment/bin/python" -I -S -W ignore "$tools/laying.py" "$environment" /opt/kernel
mv "$cache/asked" "$cache/whole"
