# steps of the base image, docker.io/library/alpine:3.20:
#   ADD file:0a1b2c /
#   CMD ["/bin/sh"]
FROM docker.io/library/alpine:3.20
RUN --mount=type=cache,target=/c apk add git
COPY dir:123abc /srv
