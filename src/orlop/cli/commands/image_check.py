"""``orlop image check``: is an image up to date with its base."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import click

from orlop.cli import options
from orlop.cli.context import usage
from orlop.cli.lazy import Command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from orlop import Client
    from orlop.cli.commands.image_check_more import More
    from orlop.cli.commands.image_check_targets import Target, Targets
    from orlop.cli.commands.image_check_tell import Announcer
    from orlop.cli.context import App
    from orlop.errors import OrlopError
    from orlop.freshness.observed import Observations
    from orlop.freshness.plan import CheckOptions
    from orlop.freshness.summaries.entry import Entry
    from orlop.freshness.values import Report, State

SUMMARIES = ("markdown", "junit", "sarif", "github")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


class _Age(click.ParamType[float]):
    """A length of time: 90s, 30m, 12h, 7d, 2w."""

    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return it in seconds."""
        if isinstance(value, float):
            return value
        text = str(value)
        number, unit = text[:-1], text[-1:].lower()
        if unit not in _UNITS or not number.isdecimal() or len(number) > 9:
            self.fail(f"{text!r} is not a number with s, m, h, d or w, such as 7d", param, ctx)
        return int(number) * _UNITS[unit]


def _group(*decorators: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def apply(function: Any) -> Any:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return apply


_rules = _group(
    click.option("--base", "more_bases", multiple=True, metavar="REF", help="Compare each image with this base."),
    click.option("--through", is_flag=True, help="Stale as well when the base of the base has moved, or one below."),
    click.option("--inputs", is_flag=True, help="Stale as well when another image of the build has moved."),
    click.option("--ignore-metadata", is_flag=True, help="Let layers alone decide."),
    click.option(
        "--min-age", type=_Age(), metavar="AGE", help="Let a newer base count once it was known so long: 12h, 7d, 2w."
    ),
    click.option("--unknown-as", type=click.Choice(["fresh", "stale"]), help="What undecided counts as."),
)
_inputs = _group(
    click.option(
        "--dockerfile", "dockerfiles", multiple=True, metavar="FILE", help="Check what it builds on; or TARGET with it."
    ),
    click.option(
        "--build-arg", "build_args", multiple=True, metavar="K=V", help="Value of an ARG before the first FROM."
    ),
    click.option("--target", "stage", metavar="STAGE", help="Which stage of the Dockerfile; the last unless given."),
    click.option("--compose", "composes", multiple=True, metavar="FILE", help="Check the images of a Compose file."),
    click.option(
        "--kubernetes", "kubernetes", multiple=True, metavar="FILE", help="Check the images of Kubernetes manifests."
    ),
)
_outputs = _group(
    click.option("--quiet", "-q", is_flag=True, help="Print nothing: the exit status says it."),
    click.option(
        "--changes",
        is_flag=True,
        help="Say what changed in the base since: packages, files, newer releases. Reads layers.",
    ),
    click.option(
        "--eol-data", metavar="FILE", help="Ends of life, newer than our own: endoflife.date's JSON by product."
    ),
    click.option(
        "--summary", "summaries", multiple=True, type=click.Choice(SUMMARIES), help="Print this instead, or to a file."
    ),
    click.option(
        "--summary-file",
        "summary_files",
        multiple=True,
        metavar="FILE",
        help="Where the summary goes; the output stays.",
    ),
)
_telling = _group(
    click.option(
        "--on-stale", "urls", multiple=True, metavar="URL", help="Post signed JSON there, once for each base."
    ),
    click.option(
        "--on-stale-github",
        "repositories",
        multiple=True,
        metavar="OWNER/REPO",
        help="Send a repository_dispatch there, likewise, with GITHUB_TOKEN.",
    ),
    click.option(
        "--webhook-secret-file", metavar="FILE", help="Secrets to sign with, or ORLOP_WEBHOOK_SECRET: whsec_..."
    ),
    click.option(
        "--observations", metavar="FILE", help="What was seen when; off keeps nothing. It is in the data folder."
    ),
)


class Asked(NamedTuple):
    """What the command was asked to do, apart from what to check."""

    options: CheckOptions
    unknown_as: State
    quiet: bool
    summaries: tuple[tuple[str, str], ...]


@click.command("check", cls=Command)
@click.argument("words", nargs=-1, metavar="TARGET [BASE]...")
@_rules
@_inputs
@_outputs
@_telling
@options.platform
@options.output_with("lucy")
@options.batch
@options.curl
@options.connection
@click.pass_obj
def check(
    app: App,
    /,
    words: tuple[str, ...],
    more_bases: tuple[str, ...],
    dockerfiles: tuple[str, ...],
    build_args: tuple[str, ...],
    stage: str | None,
    composes: tuple[str, ...],
    kubernetes: tuple[str, ...],
    urls: tuple[str, ...],
    repositories: tuple[str, ...],
    webhook_secret_file: str | None,
    observations: str | None,
    changes: bool,
    eol_data: str | None,
    **rest: Any,
) -> None:
    """Print whether an image is up to date with its base: fresh, stale or unknown for each platform, and why.

    Without a BASE it is found from provenance, annotations, labels and known bases. A TARGET such as repo:3.* names all
    tags that fit. Exit status: 0 fresh, 1 stale, 10 undecided; of many the largest error, else 1, else 10.
    """
    from orlop.cli.commands.image_check_more import More
    from orlop.cli.commands.image_check_targets import Inputs, targets_of
    from orlop.cli.commands.image_check_tell import Announcer, observing

    asked = _asked(app, rest)
    inputs = Inputs(dockerfiles, build_args, stage or "", composes, kubernetes)
    targets = targets_of(app, words, more_bases, inputs)
    _fitting(app, targets)
    announcer = Announcer.of(app, urls, repositories, webhook_secret_file)
    if app.curl:
        if announcer.wanted or asked.summaries:
            raise usage("--curl shows the requests alone: leave out --on-stale and --summary")
        observations = "off"  # with what is remembered, requests would be missing
    more = More.of(app, eol_data, changes=changes)
    with observing(app, observations, needed=announcer.wanted) as observed, app.client() as client:
        run = _Run(app, client, asked, observed, announcer, more)
        run.check(targets)
        run.finish()


def _asked(app: App, given: dict[str, Any]) -> Asked:
    from orlop.freshness.plan import CheckOptions

    kinds, files = given["summaries"], given["summary_files"]
    elsewhere = [kind for kind in kinds if kind != "github"]
    if len(files) > len(elsewhere):
        raise usage(
            "--summary-file says where a --summary of markdown, junit or sarif goes: there are more files than such"
        )
    if len(elsewhere) > len(files) + 1:
        raise usage("one --summary alone can be printed: the others need a --summary-file each, in the same order")
    places = iter(files)
    summaries = tuple((kind, "" if kind == "github" else next(places, "-")) for kind in kinds)
    if any(where == "-" for _, where in summaries) and (app.options.get("output") or app.options.get("format")):
        raise usage("--summary without --summary-file takes the place of the output: leave out --output and --format")
    made = CheckOptions(
        ignore_metadata=given["ignore_metadata"],
        inputs=given["inputs"],
        through=given["through"],
        min_age_s=given["min_age"] or 0.0,
    )
    return Asked(made, given["unknown_as"] or "unknown", given["quiet"], summaries)


def _fitting(app: App, targets: Targets) -> None:
    """Refuse an output that does not go with what is checked."""
    if app.options.get("output") == "lucy" and (targets.many or len(targets.only.bases) != 1):
        raise usage("--output lucy is for lucy's arguments: one TARGET and one BASE")


class _Run:
    """One run: asks, shows as answers come, and tells at the end."""

    def __init__(
        self,
        app: App,
        client: Client,
        asked: Asked,
        observed: Observations | None,
        announcer: Announcer,
        more: More,
    ) -> None:
        self.app, self.client, self.asked = app, client, asked
        self.observed, self.announcer, self.more = observed, announcer, more
        self.statuses: set[int] = set()
        self.entries: list[Entry] = []
        self._alone: OrlopError | None = None

    def check(self, targets: Targets) -> None:
        """Ask, and show each answer: not when quiet, nor where a summary takes the place of the output."""
        from orlop.cli.commands import image_check_views as views

        if targets.many:
            self.app.streams.pulse()
            entries = self._many(targets)
        else:
            entries = iter([self._entry(targets.only, self._one(targets.only))])
        shown = not self.asked.quiet and not any(where == "-" for _, where in self.asked.summaries)
        view: views.View = views.Silent(self.app, many=targets.many)
        if shown:
            view = views.view(self.app, self.client, None if targets.many else targets.only)
        for entry in entries:
            self._counted(entry)
            if self.asked.summaries:
                self.entries.append(entry)
            if not targets.many:
                self._alone = entry.report.error
            if targets.many or self._alone is None or entry.report.platforms:
                view.add(entry)
        view.end()

    def _one(self, target: Target) -> Report:
        if target.error is not None:
            return target.failed()
        return self.client.check(
            target.text,
            target.bases,
            platform=target.wish or self.app.selector(settings=False),
            options=self.asked.options,
            observed=self.observed,
            receivers=self.announcer.receivers,
        )

    def _many(self, targets: Targets) -> Iterator[Entry]:
        wish = self.app.selector(settings=False)
        for platform, group in targets.groups(self.client):
            reports = self.client.check_many(
                group.asked(),
                platform=platform or wish,
                options=self.asked.options,
                observed=self.observed,
                receivers=self.announcer.receivers,
                ordered=bool(self.app.options.get("ordered")),
                concurrency=self.app.concurrency,
            )
            for report in reports:
                for target in group.named(report.subject):
                    yield self._entry(target, report)
            for target in group.failed:
                yield self._entry(target, target.failed())

    def _entry(self, target: Target, report: Report) -> Entry:
        from orlop.freshness.summaries.entry import Entry

        extras = () if self.asked.quiet and not self.asked.summaries else self.more.extras(self.client, report)
        return Entry(report, target.where, self.asked.unknown_as, extras)

    def _counted(self, entry: Entry) -> None:
        from orlop.cli.status import status_of
        from orlop.freshness.fold import exit_status

        report = entry.report
        if report.error is not None:
            self.statuses.add(status_of(report.error))
        else:
            self.statuses.add(exit_status(report.state, unknown_as=entry.unknown_as))

    def finish(self) -> None:
        """Tell who is to be told, write the summaries, and set the exit status."""
        from orlop.cli.commands.image_check_tell import write_summary
        from orlop.cli.status import tell
        from orlop.freshness.fold import overall

        if self.observed is not None:
            self.statuses |= self.announcer.deliver(self.app, self.client, self.observed, quiet=self.asked.quiet)
        for kind, where in self.asked.summaries:
            write_summary(self.app, kind, where, self.entries)
        if self._alone is not None:
            self.app.streams.flush()
            tell(self.app.streams, str(self._alone), self._alone.hint)
        self.app.status = max(self.app.status, overall(self.statuses))
