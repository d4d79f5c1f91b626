# base image, as the image states it: docker.io/library/debian:12
FROM scratch
ADD rootfs.tar.xz /
CMD ["bash"]
ARG VERSION=1.2.3
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN curl -fsSL https://example.com/app-${VERSION}.tar.gz | tar -xz -C /opt \
    && ln -s /opt/app /usr/local/bin/app \
    && rm -rf /tmp/*
RUN <<EOF
set -e
for one in a b; do
  echo "$one"
done
EOF
COPY --chown=1000:1000 /src/app /opt/app
ENV LANG=C.UTF-8 GREETING="hello \"you\""
EXPOSE 443/tcp 80/tcp
HEALTHCHECK --interval=30s --timeout=5s --retries=3 \
    CMD ["curl", "-f", "http://localhost/"]
ENTRYPOINT exec app "$@"
CMD ["--port", "80"]
