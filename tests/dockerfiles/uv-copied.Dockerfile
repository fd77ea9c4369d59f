ARG BASE_IMAGE=python:3.11-slim
FROM ${BASE_IMAGE}
COPY --from=ghcr.io/astral-sh/uv:0.5 /uv /bin/uv
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_SYSTEM_PYTHON=1
RUN --mount=type=cache,target=/root/.cache/uv \
    --mount=type=bind,source=requirements.lock,target=/requirements.lock \
    uv pip sync --system /requirements.lock
