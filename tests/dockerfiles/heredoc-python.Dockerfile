ARG BASE_IMAGE=python:3.11-slim
FROM ${BASE_IMAGE}
RUN python3 <<EOF
import urllib.request
print("pip install x")
EOF
COPY requirements.lock /tmp/
RUN pip install --no-cache-dir --no-deps --require-hashes -r /tmp/requirements.lock
