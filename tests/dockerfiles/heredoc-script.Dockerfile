# syntax=docker/dockerfile:1
ARG BASE_IMAGE=python:3.11-slim
FROM ${BASE_IMAGE}
RUN <<EOF
set -eux
apt-get update
apt-get install --yes --no-install-recommends graphviz
rm -rf /var/lib/apt/lists/*
EOF
COPY <<-"EOF" /etc/profile.d/kernel.sh
	export MPLBACKEND=agg
	pip install nothing-is-run-here
	EOF
RUN <<-CONF cat > /etc/ipython/ipython_config.py
	c.InteractiveShellApp.exec_lines = ["%matplotlib inline"]
	CONF
COPY requirements.lock /tmp/
RUN pip install --no-cache-dir --no-deps --require-hashes -r /tmp/requirements.lock
