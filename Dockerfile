# One image for every service and for the `gridwright` command. What runs in it, and how, is docker-compose.yml's business.
FROM python:3.11-slim AS base
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore \
    PIP_CONSTRAINT=/build/constraints.txt PIP_BUILD_CONSTRAINT=/build/constraints.txt \
    SOURCE_DATE_EPOCH=315532800
WORKDIR /build

FROM base AS requirements
COPY pyproject.toml deploy/requirements.py ./
RUN python requirements.py all > requirements.txt

# Third-party packages: large, and rebuilt only when their list changes. Compiled here, since no container may write.
FROM base AS dependencies
COPY constraints.txt ./
COPY --from=requirements /build/requirements.txt ./
RUN python -m venv --without-pip /opt/gridwright \
 && pip --python /opt/gridwright/bin/python install --no-compile --requirement requirements.txt \
 && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/gridwright/lib

FROM base AS wheel
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY libs libs
COPY services services
COPY cli cli
COPY examples examples
RUN pip wheel --no-deps --wheel-dir /dist .

FROM python:3.11-slim
LABEL org.opencontainers.image.title="Gridwright" \
      org.opencontainers.image.description="A durable grid market maker for crypto exchanges" \
      org.opencontainers.image.licenses="Apache-2.0"
# The folders that volumes are mounted on: an empty volume takes over the owner of the folder that it covers.
RUN groupadd --gid 10001 gridwright \
 && useradd --uid 10001 --gid gridwright --no-create-home --home-dir /srv/gridwright --shell /usr/sbin/nologin gridwright \
 && install -d -o gridwright -g gridwright /srv/gridwright /var/lib/gridwright \
 && install -d -o gridwright -g gridwright -m 0700 /run/gridwright
COPY --from=dependencies /opt/gridwright /opt/gridwright
RUN --mount=type=bind,from=wheel,source=/dist,target=/dist \
    SOURCE_DATE_EPOCH=315532800 pip --no-cache-dir --disable-pip-version-check --python /opt/gridwright/bin/python \
      install --no-deps --root-user-action=ignore /dist/*.whl
ENV PATH=/opt/gridwright/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# Where grid.toml is looked for.
WORKDIR /srv/gridwright
USER 10001:10001
CMD ["gridwright", "--help"]
