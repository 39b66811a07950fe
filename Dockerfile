# fbsync in a container: `listen` by default, any other command as arguments. See docs/growing.md.
# The base image is named by its tag, so that a build brings Debian's and Python's security fixes, and as
# we had no registry to take a digest from. For builds that never differ, put your registry's digest here.
FROM python:3.13-slim AS build
WORKDIR /build
COPY requirements-server.lock .
RUN python -m venv /opt/fbsync \
    && /opt/fbsync/bin/pip install --no-cache-dir --require-hashes -r requirements-server.lock
COPY pyproject.toml README.md LICENSE ./
COPY fbsync fbsync
# Without isolation, so that the locked build backend is used.
RUN /opt/fbsync/bin/pip install --no-cache-dir --no-build-isolation --no-deps .

FROM python:3.13-slim
COPY --from=build /opt/fbsync /opt/fbsync
# Without PostgreSQL and a bucket, database and store are in /data: it must outlive the container.
RUN useradd --uid 10001 --create-home fbsync \
    && install --directory --mode=0700 --owner=fbsync --group=fbsync /data
USER 10001
ENV PYTHONUNBUFFERED=1 XDG_DATA_HOME=/data
VOLUME /data
STOPSIGNAL SIGTERM
# Only whether the process lives: a database that is away is no reason to start this anew.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["/opt/fbsync/bin/python", "-c", \
    "from urllib.request import urlopen; urlopen('http://127.0.0.1:9464/healthz', timeout=4)"]
ENTRYPOINT ["/opt/fbsync/bin/fbsync"]
CMD ["listen", "--host", "0.0.0.0", "--log-format", "json"]
