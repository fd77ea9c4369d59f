ARG BASE_IMAGE=python:3.11-slim
FROM ${BASE_IMAGE}

ARG spark_version=3.5.1
ARG hadoop_version="3"
ARG scala_version
ENV SPARK_VERSION="${spark_version}" \
    SPARK_HOME=/usr/local/spark \
    SPARK_OPTS="--driver-java-options=-Xms1024M --driver-java-options=-Xmx4096M"
ENV PATH="${PATH}:${SPARK_HOME}/bin"
RUN apt-get update && apt-get install -y --no-install-recommends openjdk-17-jre-headless && rm -rf /var/lib/apt/lists/*
COPY --from=registry.example/mirror/spark:3.5.1 /opt/spark ${SPARK_HOME}
RUN mkdir -p "/usr/local/bin/before-notebook.d" && \
    ln -s "${SPARK_HOME}/sbin/spark-config.sh" /usr/local/bin/before-notebook.d/10spark-config.sh
COPY requirements.lock /tmp/
RUN pip install --no-cache-dir --no-deps --require-hashes -r /tmp/requirements.lock
LABEL maintainer="The Team <team@site.example>"
EXPOSE 4040
USER 1000
WORKDIR "${HOME}"
