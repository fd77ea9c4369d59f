ARG BASE_IMAGE=python:3.11-slim
FROM ${BASE_IMAGE}
COPY requirements.lock /tmp/
RUN pip install --no-cache-dir --no-deps --require-hashes -r /tmp/requirements.lock
RUN wget -q https://downloads.example/jdk.tar.gz -O - | tar xz -C /opt \
 && update-alternatives --install /usr/bin/java java /opt/jdk/bin/java 1
ENV JAVA_HOME=/opt/jdk
RUN test "$(java -version 2>&1 | head -n 1)" != ""
ONBUILD COPY . /work
