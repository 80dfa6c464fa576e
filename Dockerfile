# syntax=docker/dockerfile:1
# authsvc: `docker build -t authsvc .`   Runs as an ordinary user, on a read-only root file system.

FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/authsvc
COPY requirements.txt /tmp/
RUN /opt/authsvc/bin/pip install --require-hashes --only-binary :all: -r /tmp/requirements.txt \
    && /opt/authsvc/bin/pip uninstall --yes pip
COPY authsvc /opt/authsvc/app/authsvc
COPY clients/jws/authsvc_jws /opt/authsvc/app/authsvc_jws
COPY openapi.yaml /opt/authsvc/app/authsvc/openapi.yaml
RUN printf '#!/bin/sh\nexec /opt/authsvc/bin/python -m authsvc "$@"\n' > /opt/authsvc/bin/authsvc \
    && chmod 0755 /opt/authsvc/bin/authsvc \
    && PYTHONPATH=/opt/authsvc/app /opt/authsvc/bin/python -m compileall -q /opt/authsvc/app

FROM python:3.13-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin authsvc \
    && install -d -o authsvc -g authsvc -m 0700 /var/lib/authsvc
COPY --from=build /opt/authsvc /opt/authsvc
ENV PATH=/opt/authsvc/bin:$PATH \
    PYTHONPATH=/opt/authsvc/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    AUTHSVC_HOST=0.0.0.0 \
    AUTHSVC_PORT=8000 \
    AUTHSVC_METRICS=0.0.0.0:9464 \
    AUTHSVC_STATE_DIR=/var/lib/authsvc
# argon2id's 19 MB go back to the system after each hash, and huge pages make taking them cheap. Without it glibc keeps
# a block for each thread that ever hashed.
ENV GLIBC_TUNABLES=glibc.malloc.mmap_threshold=4194304:glibc.malloc.hugetlb=1
USER 10001:10001
WORKDIR /var/lib/authsvc
VOLUME /var/lib/authsvc
EXPOSE 8000 9464
# Liveness alone: a store that is away is not healed by restarting authsvc. Balancers should ask /readyz.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/livez', timeout=2)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["authsvc"]
CMD ["serve"]
ARG REVISION=unknown
LABEL org.opencontainers.image.title=authsvc \
    org.opencontainers.image.description="A standalone OAuth 2 / OpenID Connect token service" \
    org.opencontainers.image.version=0.2.0 \
    org.opencontainers.image.revision=$REVISION \
    org.opencontainers.image.licenses=Apache-2.0 \
    org.opencontainers.image.base.name=python:3.13-slim
