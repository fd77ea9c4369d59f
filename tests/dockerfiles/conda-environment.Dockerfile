ARG BASE_IMAGE=python:3.11-slim
FROM ${BASE_IMAGE}

ENV CONDA_DIR=/opt/conda PATH=/opt/conda/bin:$PATH
COPY environment.yml /tmp/
RUN mamba env update -n base -f /tmp/environment.yml && \
    mamba clean --all -f -y && \
    fix-permissions "${CONDA_DIR}"
COPY requirements.lock /tmp/
RUN pip install --no-cache-dir --no-deps --require-hashes -r /tmp/requirements.lock
