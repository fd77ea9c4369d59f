#!/usr/bin/env bash
# The whole line once: a kernel project generated, checked, resolved, locked, built, started, and a
# cell executed in it. With Docker where an engine runs and the base image can be had; otherwise
# with the embedded engine, a throwaway environment from the same lock.
set -euo pipefail

folder=$(mktemp -d)
image=''
trap 'rm -rf "$folder"; if [ -n "$image" ]; then docker image rm "$image" >/dev/null; fi' EXIT
cd "$folder"

bold='' plain=''
if [ -t 1 ]; then bold=$'\e[1m' plain=$'\e[0m'; fi
say() { printf '\n%s$ %s%s\n' "$bold" "$*" "$plain"; }
run() {
  say "$*"
  "$@"
}

python=3.11
engine=venv
if ! docker info >/dev/null 2>&1; then
  echo "No Docker engine answers here: the embedded engine takes its place."
elif docker image inspect "python:$python-slim" >/dev/null 2>&1 || docker pull --quiet "python:$python-slim"; then
  engine=docker
else
  echo "Docker runs here, but its base image cannot be had: the embedded engine takes its place."
fi
if [ $engine = venv ] && ! command -v "python$python" >/dev/null; then
  python=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
fi

run kernelspec new --no-input --kernel-name kernelspec-demo --python "$python" --lib 'requests>=2.31'
run kernelspec lint kernelspec-demo
if [ $engine = docker ]; then
  run kernelspec build kernelspec-demo
  image=$(kernelspec emit kernelspec-demo 2>/dev/null | python3 -c 'import json, sys; print(json.load(sys.stdin)["metadata"]["kernelspec"]["image"])')
fi
run kernelspec emit kernelspec-demo --output kernels/kernelspec-demo
run kernelspec try kernelspec-demo --engine $engine
