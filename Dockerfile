# The daemon's image: no compiler, no training packages, no root. Build: docker build -t oddflow .
# Run with a read-only root: docker run --read-only -v models:/registry:ro -e ODDFLOW_KAFKA__BOOTSTRAP_SERVERS=… oddflow

FROM python:3.11-slim AS build

# Kernels compiled for this machine's processor would not be used on another one; code for any of its kind runs as
# fast here, since looking things up in trees is bound by memory.
ENV NUMBA_CPU_NAME=generic \
    NUMBA_CACHE_DIR=/opt/oddflow/kernels \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/oddflow
ENV PATH=/opt/oddflow/bin:$PATH

# Seldom changes, so it comes first: a change of the code then builds in seconds.
COPY requirements-daemon.lock /src/
RUN pip install --require-hashes -r /src/requirements-daemon.lock

COPY pyproject.toml README.md LICENSE /src/
COPY detector /src/detector
COPY training /src/training
RUN pip install --no-deps /src && python -m compileall -q /opt/oddflow/lib && python -m detector.precompile
# For Avro and Protobuf values add here: RUN pip install '/src[schema-registry]'
# and run with --tmpfs /tmp: schemas in Protobuf are compiled there.


FROM python:3.11-slim

RUN useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin oddflow
COPY --from=build /opt/oddflow /opt/oddflow
COPY config/oddflow.toml /etc/oddflow/oddflow.toml

ENV NUMBA_CPU_NAME=generic \
    NUMBA_CACHE_DIR=/opt/oddflow/kernels \
    PATH=/opt/oddflow/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ODDFLOW_CONFIG=/etc/oddflow/oddflow.toml \
    ODDFLOW_MODEL__REGISTRY=/registry \
    ODDFLOW_WEB__HOST=0.0.0.0

USER 10001:10001
EXPOSE 9464
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["oddflow", "healthcheck"]
ENTRYPOINT ["oddflow"]
CMD ["detect"]
