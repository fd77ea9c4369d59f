ARG BASE_IMAGE=python:3.11-slim
FROM ${BASE_IMAGE}
COPY requirements.lock /tmp/
RUN pip install --no-cache-dir --no-deps --require-hashes -r /tmp/requirements.lock
ADD https://data.example/model.bin /opt/models/
ADD model.tar.gz /opt/models/
RUN curl -fsSL -o /tmp/more.zip https://data.example/more.zip && unzip -q /tmp/more.zip -d /opt && rm /tmp/more.zip
