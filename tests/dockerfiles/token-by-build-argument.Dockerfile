ARG BASE_IMAGE=python:3.11-slim
FROM ${BASE_IMAGE}
ARG GITHUB_TOKEN
RUN git config --global url."https://${GITHUB_TOKEN}@git.example/".insteadOf "https://git.example/"
COPY requirements.lock /tmp/
RUN pip install --no-cache-dir --no-deps --require-hashes -r /tmp/requirements.lock
