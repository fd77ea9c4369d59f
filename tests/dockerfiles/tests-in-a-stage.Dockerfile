ARG BASE_IMAGE=python:3.11-slim
FROM ${BASE_IMAGE} AS kernel
COPY requirements.lock /tmp/
RUN pip install --no-cache-dir --no-deps --require-hashes -r /tmp/requirements.lock
FROM kernel AS tests
RUN pip install pytest
COPY tests /tests
RUN pytest /tests

FROM kernel
USER 1000
