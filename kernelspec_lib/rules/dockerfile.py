"""KS4xx: the Dockerfile, and the CI file beside it."""

from __future__ import annotations

from kernelspec_lib.rules.rule import Rule, error, warning

RULES: tuple[Rule, ...] = (
    error(
        "KS401",
        "no-dockerfile",
        "Without a Dockerfile that says something there is nothing to build.",
        "a kernel folder without a Dockerfile, or with an empty one",
        "the Dockerfile that the template generates",
    ),
    error(
        "KS402",
        "dockerfile-syntax",
        "docker build would refuse this file after it was sent away; here it is told at once.",
        "INSTALL curl",
        "RUN apt-get install --yes curl",
    ),
    error(
        "KS403",
        "dockerfile-base-image",
        "The site says what images begin from, and the Dockerfile begins from, or copies out of, "
        "something else.",
        "FROM somebody/notebook:latest",
        "FROM ${BASE_IMAGE}",
    ),
    error(
        "KS404",
        "other-index",
        "What was checked is what the site's index offers. Packages from elsewhere were not, and "
        "a stranger may have given them the names of the site's own.",
        "RUN pip install --extra-index-url https://elsewhere.example/simple x",
        'a line in requirements.json: {"libs": ["x==1.0"]}',
    ),
    error(
        "KS405",
        "secret-in-image",
        "Whatever ARG, ENV, LABEL and RUN hold can be read by everybody who may pull the image.",
        "ENV DB_PASSWORD=open-sesame",
        "RUN --mount=type=secret,id=db_password ./load.sh",
    ),
    error(
        "KS406",
        "remote-add",
        "What ADD fetches from the network may be another file tomorrow.",
        "ADD https://elsewhere.example/driver.deb /tmp/",
        "COPY driver.deb /tmp/",
    ),
    error(
        "KS407",
        "beside-the-lock",
        "The lock was checked; a library that is installed beside it and not pinned changes what "
        "the lock fixed, and is another one tomorrow.",
        "RUN pip install --upgrade scipy",
        'a line in requirements.json: {"libs": ["scipy"]}; or RUN pip install scipy==1.14.1',
    ),
    warning(
        "KS408",
        "lock-not-installed",
        "What is not installed from requirements.lock was neither checked nor pinned, and the "
        "kernel then lacks its libraries or has others.",
        "FROM ${BASE_IMAGE}\nCOPY settings.toml /etc/",
        "RUN --mount=type=bind,source=requirements.lock,target=/tmp/requirements.lock "
        "pip install --no-deps --require-hashes --requirement /tmp/requirements.lock",
    ),
    error(
        "KS409",
        "root-at-the-end",
        "The site lets no image end as root: whoever starts it by hand would be root in it.",
        "USER root",
        "USER 65534",
    ),
    error(
        "KS410",
        "command-swallowed",
        "Jupyter starts a kernel with a command of its own; an ENTRYPOINT that does not hand it on "
        "starts something else, and the kernel is never ready.",
        'ENTRYPOINT ["jupyter", "lab"]',
        "ENTRYPOINT []",
    ),
    warning(
        "KS411",
        "hadolint",
        "hadolint, which is asked where it is installed, knows habits that make images large, slow "
        "or fragile. Its own code stands in front of what it says.",
        "RUN cd /tmp && make",
        "WORKDIR /tmp",
    ),
    error(
        "KS421",
        "ci-file-unreadable",
        "A CI file that is read in two ways, or not at all, holds no gate to rely on.",
        "lint:\n  script: [kernelspec lint .]\nlint:\n  script: [true]",
        "lint:\n  script: [kernelspec lint .]",
    ),
    error(
        "KS422",
        "no-lint-job",
        "The lint stage is where the site's rules meet a kernel: without it, what breaks them is "
        "built and installed.",
        "build:\n  script: [docker build .]",
        "lint:\n  stage: lint\n  script: [kernelspec lint .]",
    ),
    error(
        "KS423",
        "lint-cannot-stop",
        "A lint that may fail, or does not run, or looks at something else stops nothing.",
        "lint:\n  script: [kernelspec lint . || true]",
        "lint:\n  script: [kernelspec lint .]",
    ),
    error(
        "KS424",
        "build-before-lint",
        "What is built before the lint has passed can be installed although it fails.",
        "build:\n  needs: []\n  script: [kernelspec build .]",
        "build:\n  stage: build\n  script: [kernelspec build .]",
    ),
)
