ARG BASE_IMAGE=python:3.11-slim
# hadolint ignore=DL3006
FROM ${BASE_IMAGE}

SHELL ["/bin/bash", "-o", "pipefail", "-c"]
USER root
ENV DEBIAN_FRONTEND=noninteractive ACCEPT_EULA=Y
RUN apt-get update --yes && \
    apt-get install --yes --no-install-recommends \
    # the driver's own repository
    curl gnupg && \
    curl -fsSL "https://packages.example/keys/driver.asc" | gpg --dearmor -o /usr/share/keyrings/driver.gpg && \
    echo "deb [signed-by=/usr/share/keyrings/driver.gpg] https://packages.example/debian bookworm main" \
        > /etc/apt/sources.list.d/driver.list && \
    apt-get update --yes && apt-get install --yes --no-install-recommends odbc-driver unixodbc-dev && \
    apt-get clean && rm -rf /var/lib/apt/lists/*
COPY requirements.lock /tmp/
RUN pip install --no-cache-dir --no-deps --require-hashes -r /tmp/requirements.lock
USER ${NB_UID:-1000}
