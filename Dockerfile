# The transcript engine in a container: slim, without root, watched by its own health check.
#
#   docker build -t snapshot-engine .
#   docker run --memory=2g --memory-swap=2g --user "$(id -u):$(id -g)" -v "$PWD:/data" snapshot-engine process /data/talk.vtt
#
# Two stages: what builds the wheel stays behind.
FROM python:3.12-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY snapshot_engine snapshot_engine
COPY pytest_snapshot_memory pytest_snapshot_memory
RUN pip wheel --no-cache-dir --wheel-dir /wheels ".[engine]"

FROM python:3.12-slim
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links /wheels "pytest-snapshot-memory[engine]" \
    && useradd --create-home --uid 10001 engine

# The same check under the name that operators call:
# docker exec NAME python /usr/local/bin/healthcheck.py
RUN echo 'import sys; from snapshot_engine.monitoring.health_cli import main; sys.exit(main(sys.argv[1:] or ["--pid", "1"]))' \
    > /usr/local/bin/healthcheck.py

# The engine's settings; the same names work with `docker run --env`.
ENV ENABLE_MEMORY_MONITORING=true \
    MEMORY_LIMIT_MB=1024 \
    STREAMING_THRESHOLD_MB=5 \
    GC_FREQUENCY=1000 \
    ENABLE_MEMORY_PROFILING=false \
    CHUNK_SIZE=500 \
    CHUNK_OVERLAP=100

# glibc gives each thread an arena of its own, up to 8 per core; memory freed in
# one is not used by another. Two are enough for what runs here.
ENV MALLOC_ARENA_MAX=2 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1

USER engine
WORKDIR /data

# Process 1 is the engine itself; the check reads its memory from outside, in
# 16 MiB and 0.15 s, and compares it with the limits above.
HEALTHCHECK --interval=30s --timeout=3s --start-period=5s --retries=3 \
    CMD ["snapshot-engine", "health", "--pid", "1"]

ENTRYPOINT ["snapshot-engine"]
CMD ["--help"]
