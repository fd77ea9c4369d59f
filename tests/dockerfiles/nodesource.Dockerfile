ARG BASE_IMAGE=python:3.11-slim
FROM ${BASE_IMAGE}
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
RUN curl -fsSL https://packages.example/setup_20.x | bash - && apt-get install -y nodejs
RUN npm install --location=global ijavascript && ijsinstall --install=global
COPY requirements.lock /tmp/
RUN pip install --no-cache-dir --no-deps --require-hashes -r /tmp/requirements.lock
