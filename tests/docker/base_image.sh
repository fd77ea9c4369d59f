#!/bin/bash
# Makes a base image for the tests out of Debian's packages, where no registry can be reached:
# Debian bookworm with its Python 3.11, under the name that kernels ask for by default.
# The root file system is made once, and kept as a tar: usage: base_image.sh IMAGE CACHE [DOCKER]
set -euo pipefail

image=$1
cache=$2
docker=${3:-docker}
tar=$cache/bookworm-python3.11.tar

mkdir -p "$cache"
exec 9>"$cache/base_image.lock"
flock 9

if [ ! -f "$tar" ]; then
    work=$(mktemp -d)
    trap 'rm -rf --one-file-system "$work" "$tar.new"' EXIT
    debootstrap --variant=minbase --include=python3,python3-pip,python3-venv,ca-certificates \
        bookworm "$work/root" ${DEBOOTSTRAP_MIRROR:+"$DEBOOTSTRAP_MIRROR"}
    # As in the image that has this name elsewhere: `python`, and a pip that installs into it.
    ln -s python3 "$work/root/usr/bin/python"
    rm -f "$work"/root/usr/lib/python3*/EXTERNALLY-MANAGED
    rm -rf "$work"/root/var/cache/apt/archives/*.deb "$work"/root/var/lib/apt/lists/*
    tar -C "$work/root" -cf "$tar.new" .
    mv "$tar.new" "$tar"
fi
"$docker" import "$tar" "$image"
