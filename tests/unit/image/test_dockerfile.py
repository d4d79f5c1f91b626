"""Dockerfiles out of histories: each form of each builder, whole files, and real images."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.image.dockerfile_reading import read
from tests.unit.image.histories import digest, image_of, recorded, vectors

from orlop.errors import InputError, InvalidManifestError
from orlop.image.dockerfile import dockerfile_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.image.dockerfile import Dockerfile

WINDOWS: dict[str, Any] = {"os": "windows", "os.version": "10.0.17763.6054", "config": {"User": "ContainerUser"}}
GOLDEN = Path(__file__).parent / "dockerfiles"
BUILDKIT = "buildkit.dockerfile.v0"
POWERSHELL = "powershell -Command $ErrorActionPreference = 'Stop'; $ProgressPreference = 'SilentlyContinue';"


def buildkit(text: str, *, empty: bool = False) -> dict[str, Any]:
    return {"created_by": text, "comment": BUILDKIT, "empty_layer": empty}


def written(*steps: str | Mapping[str, Any], lines: bool = True, **document: Any) -> str:
    """Return what stands under ``FROM scratch``."""
    text = dockerfile_of(image_of(*steps, **document)).text(lines=lines)
    before, begin, after = text.partition("FROM scratch\n")
    assert begin
    return (before + after).removesuffix("\n")


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        # the classic builder
        ("/bin/sh -c #(nop) ADD file:0a1b in / ", "ADD file:0a1b /"),
        ("/bin/sh -c #(nop) COPY multi:0a1b in /usr/local/bin/ ", "COPY multi:0a1b /usr/local/bin/"),
        ("/bin/sh -c #(nop) COPY --chown=1:2 dir:0a1b in /a b ", 'COPY --chown=1:2 ["dir:0a1b", "/a b"]'),
        ('/bin/sh -c #(nop)  CMD ["a" "b c"]', 'CMD ["a", "b c"]'),
        ('/bin/sh -c #(nop)  CMD ["/bin/sh" "-c" "echo $A"]', "CMD echo $A"),
        ('/bin/sh -c #(nop)  CMD ["/bin/sh" "-c" "a\\nb"]', 'CMD ["/bin/sh", "-c", "a\\nb"]'),
        ("/bin/sh -c #(nop)  CMD []", "CMD []"),
        ('/bin/sh -c #(nop)  ENTRYPOINT &{["/run.sh"]}', 'ENTRYPOINT ["/run.sh"]'),
        ("/bin/sh -c #(nop)  ENV A=1 B=two", "ENV A=1 B=two"),
        ("/bin/sh -c #(nop)  ENV A=", 'ENV A=""'),
        ("/bin/sh -c #(nop)  ENV A b c", 'ENV A="b c"'),
        ("/bin/sh -c #(nop)  LABEL a=it's $5", 'LABEL a="it\'s \\$5"'),
        ("/bin/sh -c #(nop)  EXPOSE 80/tcp 443/tcp", "EXPOSE 80/tcp 443/tcp"),
        ("/bin/sh -c #(nop)  EXPOSE map[80/tcp:{} 443/tcp:{}]", "EXPOSE 80/tcp 443/tcp"),
        ("/bin/sh -c #(nop)  VOLUME [/a /b]", 'VOLUME ["/a", "/b"]'),
        ("/bin/sh -c #(nop)  USER [me:us]", "USER me:us"),
        ("/bin/sh -c #(nop)  STOPSIGNAL [SIGQUIT]", "STOPSIGNAL SIGQUIT"),
        ("/bin/sh -c #(nop)  ONBUILD [RUN make]", "ONBUILD RUN make"),
        ("/bin/sh -c #(nop)  MAINTAINER Me <me@example.com>", "MAINTAINER Me <me@example.com>"),
        ("/bin/sh -c #(nop) WORKDIR /a b", "WORKDIR /a b"),
        ("/bin/sh -c true", "RUN true"),
        ("|0 /bin/sh -c true", "RUN true"),
        ("|2 A=1 B=x y /bin/sh -c true", "# with A=1 B=x y\nRUN true"),
        # BuildKit
        ("RUN /bin/sh -c true # buildkit", "RUN true"),
        ("RUN |1 A=/bin/sh /bin/sh -c true # buildkit", "# with A=/bin/sh\nRUN true"),
        ("RUN /usr/bin/app --init # buildkit", 'RUN ["/usr/bin/app", "--init"]'),
        ("RUN /bin/bash -c a && b # buildkit", 'RUN ["/bin/bash", "-c", "a && b"]'),
        ("COPY --chmod=755 a b /c/ # buildkit", "COPY --chmod=755 a b /c/"),
        (buildkit("WORKDIR /srv"), "WORKDIR /srv"),
        (buildkit("EXPOSE [80/tcp 53/udp]", empty=True), "EXPOSE 80/tcp 53/udp"),
        (buildkit("ARG A=1 B=2", empty=True), "ARG A=1 B=2"),
        (buildkit("ARG A B", empty=True), "ARG A B"),
        # Buildah
        ("/bin/sh -c --mount=type=cache,target=/c make", "RUN --mount=type=cache,target=/c make"),
        ('/bin/sh -c ["touch","/a b"]', 'RUN ["touch", "/a b"]'),
        ("/bin/sh -c <<EOF\necho one\necho two", "RUN <<EOF\necho one\necho two\nEOF"),
        # Kaniko, and other builders that copy the text
        ("RUN make && make install", "RUN make && make install"),
        ("COPY --from=builder /out /out", "COPY --from=builder /out /out"),
        ('ENV A="x y"', 'ENV A="x y"'),
        # no Dockerfile's
        ("bazel build ...", "# made by: bazel build ..."),
        ("# debian.sh --arch 'amd64' out/", "# made by: debian.sh --arch 'amd64' out/"),
        ({"comment": "Imported from -"}, "# no instruction is recorded (Imported from -)"),
        ({}, "# no instruction is recorded"),
        ("mkdir /proc, mkdir /sys", "# made by: mkdir /proc, mkdir /sys"),
        ("sh", 'RUN ["sh"]'),
    ],
)
def test_a_step_is_its_instruction(step: str | Mapping[str, Any], expected: str) -> None:
    assert written(step) == expected


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ('&{["NONE"] "0s" "0s" "0s" \'\\x00\'}', "NONE"),
        ('&{["CMD" "a" "b c"] "0s" "0s" "0s" "0s" \'\\x00\'}', 'CMD ["a", "b c"]'),
        ('&{["CMD-SHELL" "a || b"] "30s" "1m0s" "5s" \'\\x03\'}', "--interval=30s --timeout=1m0s --start-period=5s --retries=3 CMD a || b"),
        ('&{["CMD-SHELL" "a"] "0s" "0s" "0s" "2s" \'\\n\'}', "--start-interval=2s --retries=10 CMD a"),
        ('&{["CMD-SHELL" "a"] "0s" "0s" "0s" \'é\'}', "--retries=233 CMD a"),
    ],
)  # fmt: skip
def test_a_health_check_is_read_out_of_the_print_of_its_struct(printed: str, expected: str) -> None:
    assert written(buildkit(f"HEALTHCHECK {printed}"), lines=False) == f"HEALTHCHECK {expected}"


def test_where_a_value_ends_the_config_knows() -> None:
    labels = {"a": "see b=c and d", "e": "f"}
    step = buildkit("LABEL a=see b=c and d e=f", empty=True)
    assert written(step, config={"Labels": labels}) == 'LABEL a="see b=c and d" e=f'
    assert written(step) == 'LABEL a=see b="c and d" e=f'


def test_arguments_that_an_arg_told_are_not_told_again() -> None:
    steps: list[str | Mapping[str, Any]] = [buildkit("ARG A=1", empty=True), "RUN |1 A=1 /bin/sh -c true # buildkit"]
    assert written(*steps) == "ARG A=1\nRUN true"
    changed = [*steps, "RUN |1 A=2 /bin/sh -c true # buildkit", "RUN |1 A=2 /bin/sh -c true # buildkit"]
    assert written(*changed) == "ARG A=1\nRUN true\n# with A=2\nRUN true\nRUN true"


def test_another_shell_is_known_from_its_step_on() -> None:
    text = written(
        buildkit("SHELL [/bin/bash -o pipefail -c]", empty=True),
        "RUN /bin/bash -o pipefail -c a | b # buildkit",
        "RUN /bin/sh -c c # buildkit",
        buildkit('CMD ["/bin/bash" "-o" "pipefail" "-c" "d"]', empty=True),
    )
    assert text.splitlines() == [
        'SHELL ["/bin/bash", "-o", "pipefail", "-c"]',
        "RUN a | b",
        'RUN ["/bin/sh", "-c", "c"]',
        "CMD d",
    ]


@pytest.mark.parametrize("command", ["cat <<EOF", "a \\", "a <<-X b"])
def test_a_command_that_a_dockerfile_would_read_otherwise_is_an_exec_form(command: str) -> None:
    assert written(f"/bin/sh -c {command}") == f"RUN {json.dumps(['/bin/sh', '-c', command])}"


def test_a_here_document_ends_with_a_word_that_is_not_in_it() -> None:
    assert written("RUN /bin/sh -c a\nEOF\nb\n # buildkit") == "RUN <<EOF2\na\nEOF\nb\nEOF2"


def test_here_documents_of_the_command_itself_stay_as_they_are() -> None:
    step = "RUN /bin/sh -c cat <<A <<-B > /x\n1\nA\n\t2\n\tB # buildkit"
    assert written(step) == "RUN cat <<A <<-B > /x\n1\nA\n\t2\n\tB"


def test_what_a_copied_here_document_held_is_said_to_be_lost() -> None:
    assert written("COPY <<EOF /etc/motd # buildkit").splitlines() == [
        "# the history does not keep what the here-document held",
        "COPY <<EOF /etc/motd",
        "EOF",
    ]


def test_control_characters_of_a_list_are_written_as_json_has_them() -> None:
    step = '/bin/sh -c #(nop)  CMD ["\\x1b[31m" "\\u202e" "\\u009b" "é"]'
    assert written(step) == 'CMD ["\\u001b[31m", "\\u202e", "\\u009b", "é"]'


# --- lines ---------------------------------------------------------------------------------------


def test_lines_are_broken_where_they_were() -> None:
    command = "set -eux; \tapt-get update; \tapt-get install -y \t\tcurl \t\tgit \t; \trm -rf /var/lib/apt/lists/*"
    assert written(f"/bin/sh -c {command}") == (
        "RUN set -eux; \\\n\tapt-get update; \\\n\tapt-get install -y \\\n\t\tcurl \\\n\t\tgit \\\n\t; \\\n"
        "\trm -rf /var/lib/apt/lists/*"
    )
    assert written(f"/bin/sh -c {command}", lines=False) == f"RUN {command}"


def test_indentation_by_spaces_is_seen_as_well() -> None:
    assert written("/bin/sh -c a &&     b &&     c") == "RUN a && \\\n    b && \\\n    c"


def test_without_traces_lines_are_broken_at_operators_and_long_ones_at_options() -> None:
    options = " ".join(f"--option-{at}=value" for at in range(8))
    assert written(f'/bin/sh -c first "a && b" && program {options}; last || exit 1; for x in y; do z; done') == (
        'RUN first "a && b" \\\n'
        "    && program --option-0=value --option-1=value --option-2=value --option-3=value --option-4=value \\\n"
        "        --option-5=value --option-6=value --option-7=value; \\\n"
        "    last \\\n"
        "    || exit 1; \\\n"
        "    for x in y; do z; \\\n"
        "    done"
    )


@pytest.mark.parametrize(
    "command",
    [
        f"echo '{'a && b ' * 20}'",
        f'echo "$(x "{"a && b " * 20}")"',
        f"x $(y && {'z && ' * 20} z)",
        f"it is open ' {'a && b ' * 20}",
        f"a # {'b && c ' * 20}",
    ],
)
def test_no_line_is_broken_inside_quotes_substitutions_and_comments(command: str) -> None:
    assert written(f"/bin/sh -c {command}") == f"RUN {command.strip()}"


def test_a_line_never_begins_as_a_comment_would() -> None:
    command = "a \t# b \t&& c"
    assert written(f"/bin/sh -c {command}") == "RUN a \t# b \\\n\t&& c"


def test_pairs_stand_on_lines_of_their_own_where_they_are_many() -> None:
    pairs = [f"NAME_{at}=value-{at}" for at in range(6)]
    assert written(f"/bin/sh -c #(nop)  ENV {' '.join(pairs)}") == "ENV " + " \\\n    ".join(pairs)
    assert written(f"/bin/sh -c #(nop)  ENV {' '.join(pairs)}", lines=False) == f"ENV {' '.join(pairs)}"


# --- whole files ---------------------------------------------------------------------------------


def golden(name: str, found: Dockerfile) -> None:
    assert found.text() == (GOLDEN / f"{name}.Dockerfile").read_text("utf-8")


def test_an_image_of_buildkit() -> None:
    found = image_of(
        buildkit("ADD rootfs.tar.xz / # buildkit"),
        buildkit('CMD ["bash"]', empty=True),
        buildkit("ARG VERSION=1.2.3", empty=True),
        buildkit("SHELL [/bin/bash -o pipefail -c]", empty=True),
        buildkit(
            "RUN |1 VERSION=1.2.3 /bin/bash -o pipefail -c curl -fsSL https://example.com/app-${VERSION}.tar.gz "
            "| tar -xz -C /opt && ln -s /opt/app /usr/local/bin/app && rm -rf /tmp/* # buildkit"
        ),
        buildkit(
            'RUN |1 VERSION=1.2.3 /bin/bash -o pipefail -c set -e\nfor one in a b; do\n  echo "$one"\ndone\n # buildkit'
        ),
        buildkit("COPY --chown=1000:1000 /src/app /opt/app # buildkit"),
        buildkit('ENV LANG=C.UTF-8 GREETING=hello "you"', empty=True),
        buildkit("EXPOSE map[443/tcp:{} 80/tcp:{}]", empty=True),
        buildkit('HEALTHCHECK &{["CMD" "curl" "-f" "http://localhost/"] "30s" "5s" "0s" "0s" \'\\x03\'}', empty=True),
        buildkit('ENTRYPOINT ["/bin/bash" "-o" "pipefail" "-c" "exec app \\"$@\\""]', empty=True),
        buildkit('CMD ["--port" "80"]', empty=True),
        annotations={"org.opencontainers.image.base.name": "docker.io/library/debian:12"},
    )
    golden("buildkit", dockerfile_of(found))


def test_an_image_of_windows() -> None:
    found = image_of(
        "Apply image 10.0.17763.1",
        "Install update 10.0.17763.6054",
        f"cmd /S /C #(nop)  SHELL [{POWERSHELL}]",
        f"{POWERSHELL} Invoke-WebRequest -Uri https://example.com/a.zip -OutFile a.zip; "
        "Expand-Archive a.zip -DestinationPath 'C:\\Program Files\\a'; Remove-Item -Force a.zip",
        {"created_by": f"{POWERSHELL} #(nop)  ENV APP_HOME=C:\\Program Files\\a BIN=C:\\a", "empty_layer": True},
        f"{POWERSHELL} #(nop) COPY dir:0123456789abcdef in C:\\app ",
        {"created_by": f'{POWERSHELL} #(nop)  ENTRYPOINT ["powershell" "C:\\\\app\\\\run.ps1"]', "empty_layer": True},
        **WINDOWS,
    )
    golden("windows", dockerfile_of(found))


def test_an_image_of_buildah_says_what_it_began_from() -> None:
    found = image_of(
        "/bin/sh -c #(nop) ADD file:0a1b2c in / ",
        {"created_by": '/bin/sh -c #(nop) CMD ["/bin/sh"]', "empty_layer": True},
        {
            "created_by": "/bin/sh -c --mount=type=cache,target=/c apk add git",
            "comment": "FROM docker.io/library/alpine:3.20",
        },
        "/bin/sh -c #(nop) COPY dir:123abc in /srv ",
    )
    golden("buildah", dockerfile_of(found))


def test_cmd_on_windows_is_broken_at_its_operators() -> None:
    text = dockerfile_of(
        image_of(
            'cmd /S /C mkdir C:\\one && setx /M PATH "%PATH%;C:\\one && x" && rmdir /S /Q C:\\two && dir C:\\',
            os="windows",
        )
    ).text()
    assert text == (
        "# escape=`\nFROM scratch\n"
        'RUN mkdir C:\\one `\n    && setx /M PATH "%PATH%;C:\\one && x" `\n    && rmdir /S /Q C:\\two `\n    && dir C:\\\n'
    )


# --- the base ------------------------------------------------------------------------------------


def test_the_steps_of_a_base_are_left_to_from() -> None:
    below = (
        "/bin/sh -c #(nop) ADD file:0a in / ",
        {"created_by": '/bin/sh -c #(nop)  CMD ["sh"]', "empty_layer": True},
    )
    found = dockerfile_of(image_of(*below, "/bin/sh -c make"), base=image_of(*below))
    assert found.base == "example/image:1"
    assert [one.of_base for one in found.instructions] == [True, True, False]
    assert [one.keyword for one in read(found.text())] == ["FROM", "RUN"]


def test_a_base_that_is_none_is_an_error() -> None:
    base = image_of("x", rootfs={"diff_ids": [digest(7)]})
    with pytest.raises(InputError, match="its layers are not the lowest"):
        dockerfile_of(image_of("/bin/sh -c make"), base=base)


def test_a_base_with_another_history_is_told_by_its_layers() -> None:
    empty = {"created_by": "/bin/sh -c #(nop)  ENV A=1", "empty_layer": True}
    found = dockerfile_of(image_of("a", empty, "b", "/bin/sh -c make"), base=image_of("c", "d"))
    assert [one.of_base for one in found.instructions] == [True, True, True, False]


# --- what is wrong with a history ----------------------------------------------------------------


def test_steps_that_are_fewer_than_layers_are_told() -> None:
    text = dockerfile_of(image_of("/bin/sh -c make", layers=3)).text()
    assert text.splitlines()[0] == (
        "# the history has 1 step with a layer, the manifest 3 layers: which made which cannot be told"
    )


def test_no_history_is_told() -> None:
    assert dockerfile_of(image_of(layers=1)).text() == "# the config has no history\nFROM scratch\n"


def test_a_history_of_another_form_is_refused() -> None:
    with pytest.raises(InvalidManifestError):
        dockerfile_of(image_of(history="x"))


# --- real images ---------------------------------------------------------------------------------


def instructions(text: str) -> list[tuple[str, str]]:
    return [(one.keyword, one.arguments) for one in read(text)]


def test_memcached_is_as_its_dockerfile_has_it() -> None:
    """Every RUN is the very same, with its line breaks; what the base has and what COPY named is in no image."""
    original = json.loads(vectors("history", "memcached-1.6.18-alpine.json").read_bytes())["dockerfile"]
    found = dockerfile_of(recorded("history", "memcached-1.6.18-alpine.json")).text()
    theirs, ours = instructions(original + "\n" * (not original.endswith("\n"))), instructions(found)
    assert [one[0] for one in ours] == ["FROM", "ADD", "CMD", *(one[0] for one in theirs[1:])]
    for (keyword, their), (_, our) in zip(theirs[1:], ours[3:], strict=True):
        if keyword == "ENV":
            assert our == their.replace(" ", "=", 1)
        elif keyword != "COPY":
            assert our == their
    long = re.search(r"RUN set -x.*?memcached -V\n", original, re.DOTALL)
    assert long is not None
    assert long[0] in found


@pytest.mark.parametrize("name", ["hello-world.json", "dive-test-image.json"])
def test_a_small_image_is_as_its_dockerfile_has_it(name: str) -> None:
    original = json.loads(vectors("history", name).read_bytes())["dockerfile"]
    theirs = [one for one in instructions(original.rstrip("\n") + "\n") if one[0] not in {"FROM", "ADD", "COPY"}]
    ours = [one for one in instructions(dockerfile_of(recorded("history", name)).text()) if one[0] == "RUN"]
    assert ours == [one for one in theirs if one[0] == "RUN"]


@pytest.mark.parametrize("name", ["fedora", "golang", "openjdk"])
def test_dredge_tells_the_same_steps(name: str) -> None:
    """Its text has colours as markup, BuildKit's mark as words of a COPY, and quotes where they stood in the history."""
    marked = vectors("history", f"{name}.dredge.txt").read_text("utf-8")
    # Spectre.Console's markup: [[ and ]] are brackets, [style] and [/] are none.
    text = re.sub(
        r"\[\[|\]\]|\[[^\[\]]*\]", lambda match: {"[[": "[", "]]": "]"}.get(match[0], ""), marked.lstrip("\ufeff")
    )
    theirs = [line.removesuffix(" # buildkit") for line in text.splitlines()]
    found = dockerfile_of(recorded("history", f"{name}.image.json")).text(lines=False)
    ours = ["# No instruction info" if "no instruction" in line else line for line in found.splitlines()]
    assert [line.split() for line in ours] == [line.split() for line in theirs]


def recorded_configs() -> list[str]:
    import os

    folder = os.environ.get("ORLOP_VECTORS")
    return sorted(path.name for path in Path(folder, "configs").glob("*.json")) if folder else ["none"]


@pytest.mark.parametrize("name", recorded_configs())
def test_every_recorded_config_reads_back(name: str) -> None:
    found = dockerfile_of(recorded("configs", name))
    for lines in (True, False):
        read_back = read(found.text(lines=lines))
        kept = [one for one in found.instructions if one.keyword and not one.of_base]
        assert [one.keyword for one in read_back] == ["FROM", *(one.keyword for one in kept)]
        if not lines:
            assert [one.arguments for one in read_back[1:]] == [one.arguments for one in kept]


# --- work -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "repeated"),
    [
        ("/bin/sh -c ", "x -a && "),
        ("/bin/sh -c x", " \ty"),
        ("/bin/sh -c ", "x; "),
        ("/bin/sh -c ", '"'),
        ("/bin/sh -c ", "$("),
        ("/bin/sh -c a\n", "<<A "),
        ("/bin/sh -c ", "<<A\n"),
        ("/bin/sh -c #(nop) ENV ", "A=1 "),
        ("/bin/sh -c #(nop) ENV A=", "  x"),
        ("/bin/sh -c #(nop) CMD [", '"a" '),
        ("/bin/sh -c #(nop) EXPOSE map[", "a"),
        ("/bin/sh -c #(nop) COPY ", "file:0 in "),
        ('/bin/sh -c #(nop) HEALTHCHECK &{["CMD"', ' "a"'),
        ("|9 ", "A=1 "),
        ("RUN ", "--mount=type=cache "),
        ("powershell ", "x; "),
    ],
)
def test_the_work_grows_with_the_text_alone(step: str, repeated: str) -> None:
    """A quadratic one would take minutes, and the timeout of the tests ends it."""
    text = dockerfile_of(image_of(step + repeated * 50_000)).text()
    assert "FROM scratch\n" in text
