FROM python:3.11

COPY requirements.lock /tmp/
RUN pip install --no-cache-dir --no-deps --require-hashes -r /tmp/requirements.lock
ENV NB_USER kernel
ENV NB_UID 1000
ENV HOME /home/${NB_USER}
WORKDIR ${HOME}
COPY --chown=${NB_UID} . ${HOME}
USER ${NB_USER}
ENTRYPOINT []
CMD ["jupyter", "lab", "--ip", "0.0.0.0"]
