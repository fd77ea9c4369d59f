ARG BASE_IMAGE=python:3.11-slim
FROM ${BASE_IMAGE}
COPY requirements.lock /tmp/
RUN pip install --no-cache-dir --no-deps --require-hashes -r /tmp/requirements.lock

RUN pip install -v --no-cache-dir --index-url 'https://download.example/whl/cpu' \
    'torch==2.4.0' \
    'torchvision' && \
    fix-permissions /opt
