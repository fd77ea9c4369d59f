FROM rocker/r-ver:4.4.1
ENV S6_VERSION="v2.1.0.2"
ENV VIRTUAL_ENV="/opt/venv"
ENV PATH="${VIRTUAL_ENV}/bin:${PATH}"
COPY scripts/install_python.sh /rocker_scripts/install_python.sh
RUN /rocker_scripts/install_python.sh
RUN R -q -e 'install.packages(c("IRkernel"), repos = "https://packages.example/cran")' && \
    R -e "IRkernel::installspec(user = FALSE)"
COPY requirements.lock /tmp/
RUN pip install --no-cache-dir --no-deps --require-hashes -r /tmp/requirements.lock
