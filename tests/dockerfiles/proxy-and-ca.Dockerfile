ARG BASE_IMAGE=python:3.11-slim
FROM ${BASE_IMAGE}
ARG HTTP_PROXY
ARG HTTPS_PROXY
ARG NO_PROXY="localhost,.site.example"
COPY certs/*.crt /usr/local/share/ca-certificates/
RUN update-ca-certificates
ENV REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    PIP_DEFAULT_TIMEOUT=120 PIP_NO_CACHE_DIR=off PIP_DISABLE_PIP_VERSION_CHECK=on
COPY requirements.lock /tmp/
RUN pip install --no-cache-dir --no-deps --require-hashes -r /tmp/requirements.lock
