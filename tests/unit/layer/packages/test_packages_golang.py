from __future__ import annotations

import pytest
from tests import packagefiles as made

from orlop.layer.packages.golang import ProgramSink, packages, writable

APP = [
    ("example.com/app", ""),
    ("golang.org/x/net", "v0.17.0"),
    ("github.com/New/Name", "v1.2.0"),
    ("example.com/local", "v0.0.0"),
    ("stdlib", "1.21.5"),
]


def read(data: bytes, piece: int = 65536) -> list[tuple[str, str]] | None:
    sink = ProgramSink()
    for at in range(0, len(data), piece):
        sink.write(data[at : at + piece])
    sink.close()
    return None if sink.found is None else [(p.name, p.version) for p in packages(sink.found, "p")]


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("piece", [1, 7, 4096, 65536])
def test_modules_and_toolchain_of_a_program(bits: int, order: str, piece: int) -> None:
    program = made.elf(b"text", bytes(64) + made.go_info() + bytes(200), bits=bits, order=order)
    assert read(program[:100] + program[100:], piece) == APP


def test_the_list_of_the_program_itself_goes_before_one_packed_into_it() -> None:
    other = made.elf(b"t", made.go_info("go1.18", "mod\texample.com/other\tv1\n"))
    program = made.elf(other, made.go_info())
    assert read(program) == APP


def test_a_list_outside_the_data_counts_where_there_is_no_other() -> None:
    assert read(made.elf(made.go_info(), b"data")) == APP


def test_a_program_older_than_go_1_18_tells_its_modules_and_not_its_toolchain() -> None:
    text = b"x" * 100 + made.BEGIN + made.MODULES.encode() + made.END + b"y" * 100
    header = b"\xff Go buildinf:\x08\x00" + bytes(16)
    assert read(made.elf(text, header), 100) == APP[:-1]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x7fEL",
        b"#!/bin/sh\n" + made.go_info(),
        made.elf(b"text", b"data"),
        made.elf(b"text", b"\xff Go buildinf:\x08\x02" + bytes(16) + b"\xff\xff\xff\xff\xff\xff"),
        made.elf(b"text", b"\xff Go buildinf:\x08\x02" + bytes(16) + b"\x05hello\x00"),
        made.elf(b"text", b"\xff Go buildinf:\x08"),
        made.elf(b"text", made.BEGIN + b"mod\tnever\tends"),
    ],
)
def test_what_is_no_program_of_go_tells_nothing(data: bytes) -> None:
    assert read(data) is None
    assert read(data, 13) is None


def test_a_program_of_the_standard_library_alone_tells_that() -> None:
    assert read(made.elf(b"t", made.go_info("go1.22.0 X:arenas", ""))) == [("stdlib", "1.22.0")]


def test_a_great_hole_is_passed_over() -> None:
    sink = ProgramSink()
    program = made.elf(b"text", made.go_info())
    sink.write(program[:4100])
    sink.hole(2**50)
    sink.write(program[4100:])
    sink.close()
    assert sink.found is not None


def test_many_beginnings_without_an_end_cost_bounded_time() -> None:
    many = (b"\xff Go buildinf:\x08\x02" + bytes(16) + b"\x08go1.21.5\xff\xff\x3f") * 100_000
    assert read(made.elf(b"t", many)) is None


def test_segments_of_a_damaged_table_are_none() -> None:
    assert writable(b"\x7fELF\2\1\1" + b"\xff" * 60) == []
    assert writable(b"MZ" + bytes(100)) == []
    assert writable(b"\x7fELF\7\1") == []
