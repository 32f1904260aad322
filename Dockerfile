# The image runs the service against an external PostgreSQL. Three commands, one image:
#   docker run ... sipas migrate                    once a release, before it serves
#   docker run ... sipas serve --host 0.0.0.0       the default
#   docker run ... sipas worker                     the jobs alone, beside `serve --no-worker`
# docs/deploy.md says how they go together.

FROM python:3.13-slim AS build
WORKDIR /srv/sipas
RUN python -m venv /opt/venv
# Requirements first: a change of our own code reuses this layer. `requirements-tracing.txt` sends traces, too.
ARG REQUIREMENTS=requirements.txt
COPY ${REQUIREMENTS} ./
RUN /opt/venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes -r "${REQUIREMENTS}"
COPY pyproject.toml alembic.ini ./
COPY migrations migrations
COPY app app
# Editable, so that the migrations lie beside the code here as they do in a checkout.
RUN /opt/venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
        --no-deps --no-build-isolation --editable . \
    && /opt/venv/bin/python -m compileall -q app migrations

FROM python:3.13-slim
RUN groupadd --gid 10001 sipas \
    && useradd --uid 10001 --gid sipas --no-create-home --home-dir /var/lib/sipas --shell /usr/sbin/nologin sipas \
    && install --directory --owner=sipas --group=sipas --mode=700 /var/lib/sipas
# pg_dump and psql that know TLS: those that come with the Python packages do not, and what is encrypted for the
# service must be for its backups. Debian 13, on which this image stands, has version 17, for servers up to 17; for
# a newer one, `--build-arg POSTGRESQL_CLIENT=postgresql-client-18` where the sources of packages have it.
ARG POSTGRESQL_CLIENT=postgresql-client
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "${POSTGRESQL_CLIENT}" \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv/sipas /srv/sipas
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    SIPAS_ENVIRONMENT=production \
    SIPAS_DATA_DIR=/var/lib/sipas
WORKDIR /srv/sipas
# By number: Kubernetes can see that it is not root.
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ.get('SIPAS_PORT', '8000') + '/healthz', timeout=4)"]
CMD ["sipas", "serve", "--host", "0.0.0.0"]
