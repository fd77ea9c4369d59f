ARG BASE_IMAGE=python:3.11-slim
FROM ${BASE_IMAGE}
COPY requirements.lock /tmp/
RUN pip install --no-cache-dir --no-deps --require-hashes -r /tmp/requirements.lock

RUN mamba install --yes \
    'altair' \
    'bokeh=3.4' \
    'r-base' && \
    mamba clean --all -f -y
