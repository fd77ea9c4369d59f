ARG BASE_IMAGE=python:3.11-slim
FROM ${BASE_IMAGE}
RUN echo ttf-mscorefonts-installer msttcorefonts/accepted-mscorefonts-eula select true | debconf-set-selections
RUN set -x \
 && apt-get update -qq \
 && apt-get install -qq -y --no-install-recommends \
       cm-super dvipng texlive-latex-extra \
       `# for nbconvert` \
       pandoc \
 && rm -rf /var/lib/apt/lists/*
COPY requirements.lock /tmp/
RUN pip install --no-cache-dir --no-deps --require-hashes -r /tmp/requirements.lock
