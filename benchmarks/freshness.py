"""1,000 images on 20 bases checked for being up to date, two platforms each: whole processes, against a loop of regctl.

orlop reads the manifests of both platforms and compares layers. ``regctl image check-base`` of an index compares the digest of the base's
index, two requests; with ``--platform`` it answers for one platform. Both loops are measured: one run an image, and one run a platform,
which is the question that orlop answers.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.common import ORLOP, Bars, Run, embedded, medians, options, peer, say, timed
from benchmarks.fleet import BASES, IMAGES, Fleet, distribution, free_port, static

if TYPE_CHECKING:
    from orlop import Exchange

DOCUMENTS = 3 * (IMAGES + 2 * BASES)
"""Distinct manifests: an index and its two platforms of each image, and of each base as it was and as it is."""


def main() -> None:
    """Print times, requests and ratios at the embedded registry, at CNCF's, and where the server is none."""
    chosen = options(__doc__ or "", rounds=3)
    bars = Bars()
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        at_embedded(top / "embedded", chosen.rounds, bars)
        fleet = Fleet(f"127.0.0.1:{free_port()}")
        port = int(fleet.host.rpartition(":")[2])
        fleet.into_distribution(top / "distribution")
        with distribution(top / "distribution", port):
            against(fleet, top, "CNCF's registry", chosen.rounds, bars, least=6, each=("",))
        maps = fleet.into_files(top / "files")
        with static(top / "files", port, maps):
            against(fleet, top, "static files", chosen.rounds, bars, least=20, each=("linux/amd64", "linux/arm64"))
    bars.done()


def at_embedded(top: Path, rounds: int, bars: Bars) -> None:
    """Measure at the embedded registry, and count the requests there."""
    top.mkdir()
    port = free_port()
    fleet = Fleet(f"127.0.0.1:{port}")
    fleet.into_store(top / "registry")
    with embedded(top / "registry", port):
        first, second = both(fleet, top, rounds)
        print(f"embedded registry, {IMAGES} images, median of {rounds}")
        say("orlop, first run", first)
        say("orlop, second run", second)
        bars.at_most("first run in seconds", first.seconds, 3)
        counted(fleet, top, bars)


def against(
    fleet: Fleet, top: Path, name: str, rounds: int, bars: Bars, *, least: float, each: tuple[str, ...]
) -> None:
    """Measure where regctl can be measured as well. each: the platforms that it is asked for; "" asks once for the whole image."""
    first, second = both(fleet, top, rounds)
    print(f"{name}, {IMAGES} images, median of {rounds} (regctl: of 1)")
    say("orlop, first run", first)
    say("orlop, second run", second)
    plain = regctl(fleet, top, ("",))
    say("regctl, once an image", plain)
    loop = plain
    if each != ("",):
        asked_of_each = regctl(fleet, top, each)
        say("regctl, once a platform", asked_of_each)
        print(f"     {name}: {asked_of_each.seconds / first.seconds:.1f} times faster than once a platform")
    bars.at_most(f"{name}: first run in seconds", first.seconds, 3)
    bars.at_least(f"{name}: times faster than regctl image check-base", loop.seconds / first.seconds, least)
    bars.at_least(f"{name}: times faster, second run", loop.seconds / second.seconds, least)


def both(fleet: Fleet, top: Path, rounds: int) -> tuple[Run, Run]:
    """Return a run that knows nothing, and one after it, by time the median of each."""
    home = top / "home"
    refs = top / "refs"
    refs.write_text("".join(f"{ref}\n" for ref in fleet.refs))
    command = [*ORLOP, "image", "check", "--from-file", str(refs)]
    environment = {"HOME": str(home), "XDG_CACHE_HOME": "", "XDG_DATA_HOME": "", "XDG_STATE_HOME": ""}

    def fresh() -> Run:
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        return again()

    def again() -> Run:
        run = timed(command, env=environment, status=1)
        right(fleet, run.output)
        return run

    runs = medians(rounds, {"first": fresh, "second": again})
    return runs["first"], runs["second"]


def right(fleet: Fleet, output: bytes) -> None:
    """Check that every image has its verdict."""
    said = {line["reference"]: line["state"] for line in map(json.loads, output.splitlines())}
    assert len(said) == IMAGES, f"{len(said)} lines"
    assert {ref for ref, state in said.items() if state == "stale"} == fleet.stale
    assert set(said.values()) == {"fresh", "stale"}


def regctl(fleet: Fleet, top: Path, platforms: tuple[str, ...]) -> Run:
    """Return the time of a loop of ``regctl image check-base`` over the same list, for each of the platforms."""
    program = peer("regctl")
    environment = {"HOME": str(top)}
    timed([program, "registry", "set", "--tls", "disabled", fleet.host], env=environment)
    options = [f" --platform {platform}" if platform else "" for platform in platforms]
    asked = "; ".join(f"{program} image check-base --quiet{option} $ref || old=1" for option in options)
    asked = f"old=0; {asked}; [ $old = 0 ]"
    script = f"while read ref; do {{ {asked}; }} || echo stale $ref; done < {top / 'refs'}"
    run = timed(["sh", "-c", script], env=environment)
    stale = {line.split()[1].decode() for line in run.output.splitlines() if line.startswith(b"stale ")}
    assert stale == fleet.stale, "regctl says otherwise"
    return run


def counted(fleet: Fleet, top: Path, bars: Bars) -> None:
    """Count the requests of two runs, in this process."""
    from orlop import Cache, Client
    from orlop.freshness.observed import Observations

    def asked() -> Counter[str]:
        seen: Counter[str] = Counter()

        def note(exchange: Exchange) -> None:
            seen[f"{exchange.method} {exchange.url}"] += 1

        with (
            Observations(str(top / "observed.db")) as observed,
            Client(cache=Cache(str(top / "counted")), trace=note) as client,
        ):
            reports = list(client.check_many(fleet.refs, observed=observed))
        assert sum(report.state == "stale" for report in reports) == len(fleet.stale)
        return seen

    first, second = asked(), asked()
    tags = IMAGES + BASES
    for name, seen in (("first", first), ("second", second)):
        heads = sum(count for what, count in seen.items() if what.startswith("HEAD "))
        gets = sum(count for what, count in seen.items() if what.startswith("GET ") and "/manifests/" in what)
        print(f"  {name + ' run':<28}{heads:6} HEAD{gets:6} GET of manifests{sum(seen.values()):7} in all")
        bars.at_most(f"{name} run: HEADs", heads, tags)
        bars.at_most(f"{name} run: GETs of manifests", gets, DOCUMENTS if name == "first" else 0)
        bars.at_most(f"{name} run: times that one thing was asked for", max(seen.values()), 1)
    everything = sum(count for what, count in second.items() if what.startswith("GET "))
    bars.at_most("second run: GETs of anything", everything, 0)


if __name__ == "__main__":
    main()
