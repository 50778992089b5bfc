# Built from the lock, every file checked against its hash; the kernel is compiled while the image is built.
# Pin the base by its digest in production: --build-arg PYTHON_IMAGE=python@sha256:…
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /src
COPY requirements.lock ./
COPY tools ./tools
RUN python -m tools.locked tillwatch > /tmp/runtime.lock \
    && python -m tools.locked hatchling > /tmp/builder.lock \
    && python -m venv /opt/tillwatch/venv \
    && python -m venv /tmp/builder \
    && /opt/tillwatch/venv/bin/pip install --require-hashes --requirement /tmp/runtime.lock \
    && /tmp/builder/bin/pip install --require-hashes --requirement /tmp/builder.lock
COPY . .
RUN /tmp/builder/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /tmp/wheels . \
    && /opt/tillwatch/venv/bin/pip install --no-deps --no-index /tmp/wheels/*.whl \
    && /opt/tillwatch/venv/bin/pip uninstall --yes pip setuptools \
    && python -m compileall -q /opt/tillwatch/venv/lib
# Machine code that every processor of the kind can run: the image is started elsewhere than where it is built.
ARG CPU=generic
RUN NUMBA_CPU_NAME=${CPU} TILLWATCH_CACHE=/opt/tillwatch/cache /opt/tillwatch/venv/bin/tillwatch warm \
    && chmod -R u=rwX,go=rX /opt/tillwatch

FROM ${PYTHON_IMAGE}
ARG CPU=generic
LABEL org.opencontainers.image.title="Tillwatch" \
      org.opencontainers.image.description="Transaction risk monitor for acquirers" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 tillwatch \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin tillwatch \
    && for each in /run/secrets/tillwatch /run/secrets/kafka /run/secrets/prometheus /run/secrets/grafana \
        /run/secrets/postgres /run/secrets/casework /run/secrets/console \
        /var/lib/tillwatch; do install -d -o 10001 -g 10001 -m 0750 "$each"; done
COPY --from=build /opt/tillwatch /opt/tillwatch
COPY deploy/make_secrets.py deploy/probe.py /opt/tillwatch/deploy/
ENV PATH=/opt/tillwatch/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    TILLWATCH_CACHE=/opt/tillwatch/cache \
    NUMBA_CPU_NAME=${CPU}
WORKDIR /var/lib/tillwatch
USER 10001:10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["tillwatch"]
CMD ["worker"]
