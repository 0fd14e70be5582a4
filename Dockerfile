# Three images, without a compiler and without root. The daemon's has no training packages: docker build -t oddflow .
# The one that trains and publishes models: docker build --target train -t oddflow-train .
# The one on which people judge incidents: docker build --target triage -t oddflow-triage .
# Run with a read-only root, and a volume for the state that is to outlive the container:
#   docker run --read-only -v models:/registry:ro -v state:/state -e ODDFLOW_KAFKA__BOOTSTRAP_SERVERS=… oddflow
#   docker run --rm -v models:/registry -v "$PWD/data:/data:ro" oddflow-train train --data /data/conn.log --format zeek

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
COPY triage /src/triage
RUN pip install --no-deps /src && python -m compileall -q /opt/oddflow/lib && python -m detector.scoring.warm_up
# For Avro and Protobuf values add here: RUN pip install '/src[schema-registry]'
# and run with --tmpfs /tmp: schemas in Protobuf are compiled there.


FROM build AS build-train
COPY requirements-train.lock /src/
RUN pip install --require-hashes -r /src/requirements-train.lock


FROM build AS build-triage
COPY requirements-triage.lock /src/
RUN pip install --require-hashes -r /src/requirements-triage.lock


FROM python:3.11-slim AS base

# A volume takes over who owns the folder that it is mounted on.
RUN useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin oddflow \
    && install -d -o 10001 -g 10001 /registry /state /datasets

ENV NUMBA_CPU_NAME=generic \
    NUMBA_CACHE_DIR=/opt/oddflow/kernels \
    PATH=/opt/oddflow/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ODDFLOW_CONFIG=/etc/oddflow/oddflow.toml \
    ODDFLOW_MODEL__REGISTRY=/registry \
    ODDFLOW_STATE__URL=/state \
    ODDFLOW_WEB__HOST=0.0.0.0
COPY config/oddflow.toml /etc/oddflow/oddflow.toml

USER 10001:10001
ENTRYPOINT ["oddflow"]


FROM base AS train
COPY --from=build-train /opt/oddflow /opt/oddflow
CMD ["train", "--help"]


FROM base AS triage
COPY --from=build-triage /opt/oddflow /opt/oddflow
EXPOSE 9465
CMD ["triage", "serve"]


FROM base AS daemon
COPY --from=build /opt/oddflow /opt/oddflow
EXPOSE 9464
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["oddflow", "healthcheck"]
CMD ["detect"]
