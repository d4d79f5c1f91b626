"""The third part: signing in, at each registry in its own way; and where to see what went over the wire."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from orlop.cli.tour.harbour import APP, USER
from orlop.cli.tour.looking import redirected
from orlop.cli.tour.step import Step, WrongAnswerError, bytes_of, equal, has, holds, same
from orlop.model.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orlop.cli.tour.harbour import Harbour, Message
    from orlop.cli.tour.sandbox import Answer

_CUT = 'sed -E \'s/.*"{field}": *"([^"]+)".*/\\1/\''
_BEARER = 'curl -s -H "Authorization: Bearer $TOKEN"'


def steps(harbour: Harbour) -> Iterator[Step]:
    """Yield the steps of this part."""
    digest = str(harbour.samples.app.digest)

    def anonymous(answer: Answer) -> str:
        same("the digest", answer.text, f"{digest}\n")
        _token_flow(answer.wire, "")
        return "the registry asked for a token, and its token service gave one to nobody in particular"

    hub = harbour.hub
    asked = f"service=registry.docker.io&scope=repository:{APP}:pull"
    yield Step(
        "Like Docker Hub: a token, even for what is public",
        "The registry refuses (401) and says where tokens are given. orlop asks there without credentials and tries again.",
        ("manifest", "digest", f"{hub.host}/{APP}:latest"),
        anonymous,
        (
            f'TOKEN=$(curl -s "{hub.realm}?{asked}" | {_CUT.format(field="token")})',
            f'{_BEARER} -H "Accept: $ACCEPT" http://{hub.host}/v2/{APP}/manifests/latest | sha256sum',
        ),
        lambda answer: equal("the sum", answer.text.split()[0], harbour.samples.app.digest.hex),
        watch=hub,
    )
    yield from _acr(harbour)

    ghcr = harbour.ghcr

    def with_token(answer: Answer) -> str:
        same("the digest", answer.text, f"{digest}\n")
        same("what the registry was shown", [one.shown for one in answer.wire][-1:], ["Bearer"])
        same("the number of requests to its token service", _asked_tokens(answer.wire), 0)
        return "the access token itself was shown, and no other was asked for"

    yield Step(
        "Like GHCR: a personal access token",
        "GitHub's registry takes base64 of the access token as it is. In a workflow it comes from variables, for this "
        "one command; on your own machine 'orlop auth login' takes it as the password.",
        ("manifest", "digest", f"{ghcr.host}/{APP}:latest"),
        with_token,
        (
            'TOKEN=$(printf %s "$PAT" | base64)',
            f'{_BEARER} -H "Accept: $ACCEPT" http://{ghcr.host}/v2/{APP}/manifests/latest | sha256sum',
        ),
        lambda answer: equal("the sum", answer.text.split()[0], harbour.samples.app.digest.hex),
        typed='ORLOP_TOKEN=$(printf %s "$PAT" | base64)',
        variables={"ORLOP_TOKEN": base64.b64encode(harbour.token.encode()).decode()},
        watch=ghcr,
    )
    yield _curl(harbour)


def _acr(harbour: Harbour) -> Iterator[Step]:
    acr = harbour.acr
    url = f"http://{acr.host}/v2/{APP}"
    config = Digest.of(harbour.samples.app.children[0].config)

    def refused(answer: Answer) -> str:
        same("standard output", answer.text, "")
        holds("the message", answer.notes, acr.host, f"hint: sign in with: orlop auth login {acr.host}")
        return "an error that says what failed, where and why, a hint, and status 4: access"

    yield Step(
        "Like Azure (ACR): nobody gets in without a sign-in",
        "First without one. Errors are one line, and a second with a hint; both go to standard error.",
        ("tag", "list", f"{acr.host}/{APP}"),
        refused,
        (f"curl -s -o refused.json -w '%{{http_code}}\\n' {url}/tags/list",),
        lambda answer: equal("the status", answer.text.strip(), "401"),
        status=4,
    )

    def signed_in(answer: Answer) -> str:
        holds("the message", answer.text + answer.notes, acr.host)
        return "stored; here in a folder of the tour's own, which will be gone"

    yield Step(
        "Sign in",
        "The password comes from a prompt or from standard input, never from the command line. It goes into the credential "
        "helper that your Docker configuration names; with none, into that file, with a warning.",
        ("auth", "login", acr.host, "--username", USER, "--password-stdin"),
        signed_in,
        (f"curl -s -o signed-in.json -w '%{{http_code}}\\n' -u \"{USER}:$PASSWORD\" http://{acr.host}/v2/",),
        lambda answer: equal("the status", answer.text.strip(), "200"),
        given=harbour.password.encode(),
        typed='printf %s "$PASSWORD" |',
    )

    def read(answer: Answer) -> str:
        said = bytes_of(answer, config)
        _token_flow(answer.wire[:-1], "Basic")
        redirected(answer.wire)
        return f"{said}; the token went to the registry, and not on to the storage"

    yield Step(
        "Read with the sign-in: a config, through a redirect",
        "User and password buy a token from the registry's token service, the token is shown to the registry, and the "
        "storage behind the redirect is shown nothing.",
        ("blob", "get", f"{acr.host}/{APP}@{config}"),
        read,
        (
            f'TOKEN=$(curl -s -u "{USER}:$PASSWORD" "{acr.realm}?service={acr.host}&scope=repository:{APP}:pull" |',
            f"  {_CUT.format(field='access_token')})",
            f"{_BEARER} -L {url}/blobs/{config}",
        ),
        lambda answer: bytes_of(answer, config),
        watch=acr,
    )

    def status(answer: Answer) -> str:
        holds("the answer", answer.text, acr.host, USER)
        return "one sign-in, and no secret shown"

    yield Step(
        "Which sign-ins are there?",
        "Those of Docker, Podman and their credential helpers, where orlop finds them as well.",
        ("auth", "status"),
        status,
        ('cat "$DOCKER_CONFIG/config.json"',),
        lambda answer: has(answer, acr.host),
        tool="cat",
        terminal=True,
    )


def _curl(harbour: Harbour) -> Step:
    host = harbour.mcr.host
    target = f"http://{host}/v2/{APP}/tags/list"

    def printed(answer: Answer) -> str:
        holds("the answer", answer.text, "curl", target)
        return "the curl to paste into a bug report or a script"

    return Step(
        "The curl of any command",
        "You need not remember any of the above: every reading command has --curl. To see what it does while it does it, "
        "there is --debug; secrets are shown by neither.",
        ("tag", "list", f"{host}/{APP}", "--curl"),
        printed,
        (),
        lambda answer: has(answer, f'"{harbour.tags[0]}"', '"latest"'),
    )


def _token_flow(wire: Sequence[Message], shown: str) -> None:
    """Raise WrongAnswerError unless a refusal, one request for a token and the request with that token were all."""
    tokens = [one for one in wire if one.place == "token service"]
    same("the number of requests to the token service", len(tokens), 1)
    same("what the token service was shown", tokens[0].shown, shown)
    others = [(one.status, one.shown) for one in wire if one.place == "registry"]
    if not others or others[0] != (401, "") or others[-1][1] != "Bearer":
        raise WrongAnswerError("the registry was not asked twice, the second time with a token")


def _asked_tokens(wire: Sequence[Message]) -> int:
    return sum(one.place == "token service" for one in wire)
