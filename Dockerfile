# One image for api, worker and migrate: `docker run prepay:0.1.0 worker`. It needs no writable file but /tmp.
FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/prepay
COPY requirements-production.lock /tmp/
RUN /opt/prepay/bin/pip install --only-binary :all: --require-hashes -r /tmp/requirements-production.lock
COPY . /app/
RUN /opt/prepay/bin/python -m compileall -q /app \
    && printf '#!/bin/sh\nexec python -m cli "$@"\n' > /opt/prepay/bin/prepay \
    && chmod 0755 /opt/prepay/bin/prepay

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="Prepay" org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 prepay \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /app --shell /usr/sbin/nologin prepay
COPY --from=build /opt/prepay /opt/prepay
COPY --from=build /app /app
ENV PATH=/opt/prepay/bin:$PATH PYTHONPATH=/app PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /app
USER 10001:10001
EXPOSE 8000 9464
STOPSIGNAL SIGTERM
ENTRYPOINT ["prepay"]
CMD ["--help"]
