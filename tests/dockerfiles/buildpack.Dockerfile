FROM buildpack-deps:bookworm
ENV DEBIAN_FRONTEND=noninteractive
RUN apt-get -qq update && apt-get -qq install --yes --no-install-recommends locales > /dev/null && apt-get -qq clean
RUN echo "en_US.UTF-8 UTF-8" > /etc/locale.gen && \
    locale-gen
ENV LC_ALL=en_US.UTF-8 \
    LANG=en_US.UTF-8
ENV SHELL=/bin/bash
ARG NB_USER
ARG NB_UID
ENV USER=${NB_USER}
ENV HOME=/home/${NB_USER}
RUN groupadd --gid ${NB_UID} ${NB_USER} && useradd --create-home --gid ${NB_UID} --no-log-init --uid ${NB_UID} ${NB_USER}
EXPOSE 8888
ENV APP_BASE=/srv
ENV CONDA_DIR=${APP_BASE}/conda
ENV NB_PYTHON_PREFIX=${CONDA_DIR}/envs/notebook
ENV PATH=${NB_PYTHON_PREFIX}/bin:${CONDA_DIR}/bin:${PATH}
COPY --chown=1000:1000 build_script_files/install-base /tmp/install-base
RUN TIMEFORMAT='time: %3R' bash -c 'time /tmp/install-base' && \
    rm -rf /tmp/install-base
USER ${NB_USER}
COPY --chown=1000:1000 src/ ${REPO_DIR:-/srv/repo}/
RUN ${NB_PYTHON_PREFIX}/bin/pip install --no-cache-dir -r "requirements.txt"
LABEL repo2docker.ref="None"
ENV PYTHONUNBUFFERED=1
ENTRYPOINT ["/usr/local/bin/repo2docker-entrypoint"]
CMD ["jupyter", "notebook", "--ip", "0.0.0.0"]
