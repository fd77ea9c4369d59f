# syntax=docker/dockerfile:1.7
ARG CUDA=12.4.1
ARG BASE_IMAGE=python:3.11-slim
FROM nvidia/cuda:${CUDA}-devel-ubuntu22.04 AS build
WORKDIR /src
COPY native/ .
RUN --mount=type=cache,target=/root/.cache \
    cmake -S . -B build -DCMAKE_BUILD_TYPE=Release && cmake --build build -j"$(nproc)"

FROM ${BASE_IMAGE} AS final
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    LD_LIBRARY_PATH=/usr/local/nvidia/lib:/usr/local/nvidia/lib64
COPY --from=build --chmod=0755 /src/build/libfast.so /usr/local/lib/
COPY requirements.lock /tmp/
RUN pip install --no-cache-dir --no-deps --require-hashes -r /tmp/requirements.lock
