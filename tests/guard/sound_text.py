"""Seeded text of the kinds that sound answers and tool arguments hold; no loop in any of it.

What repeats here repeats as it does in real work: rows, boilerplate, rules, grids, zeros, license
heads, test output. In: a seed and a size. Out: (kind, text) pairs.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator

WORDS = (
    "account address amount batch buffer cache client color config count currency customer date "
    "device email event field file filter group handler header index invoice item key label limit "
    "list message method name node number offset option order owner page parser path payment port "
    "price product profile query queue record region report request response result role row rule "
    "schema score session size source state status store stream table tag target task team ticket "
    "time title token total type unit update user value vendor version view window worker zone"
).split()
CITIES = "Oslo Lima Graz Turin Porto Leeds Kyoto Quito Perth Accra Cairo Delhi".split()

Maker = Callable[[random.Random], str]


def python_code(r: random.Random) -> str:
    a, b, c = r.sample(WORDS, 3)
    return (
        f"    def get_{a}_{b}(self, {c}: str | None = None) -> int:\n"
        f'        """Return the {a} of the {b}."""\n'
        f"        if {c} is None:\n            raise ValueError('{c} is required')\n"
        f"        return self._{a}[{c}] + {r.randint(0, 99)}\n\n"
    )


def java_code(r: random.Random) -> str:
    name = r.choice(WORDS)
    cap = name.capitalize()
    return (
        f"    private String {name};\n\n    public String get{cap}() {{\n"
        f"        return this.{name};\n    }}\n\n    public void set{cap}(String {name}) {{\n"
        f"        this.{name} = {name};\n    }}\n\n"
    )


def c_code(r: random.Random) -> str:
    zeros = ", ".join(f"0x{r.choice([0, 0, 0, r.randrange(256)]):02x}" for _ in range(12))
    a, b = r.sample(WORDS, 2)
    return (
        f"static int {a}_{b}(struct {a} *s, size_t n)\n{{\n\tif (s == NULL || n == 0)\n"
        f"\t\treturn -EINVAL;\n\treturn s->{b}[n - 1];\n}}\n\n"
        f"static const uint8_t {b}_{r.randint(0, 999)}[] = {{\n\t{zeros},\n}};\n\n"
    )


def typescript_code(r: random.Random) -> str:
    a, b, c = r.sample(WORDS, 3)
    return (
        f"export interface {a.capitalize()}{b.capitalize()} {{\n  id: number;\n  {c}: string;\n"
        f"  {b}?: {a.capitalize()}[];\n}}\n\n"
        f'  <Route path="/{a}/{b}" element={{<{c.capitalize()}Page title="{b}" />}} />\n\n'
    )


def go_code(r: random.Random) -> str:
    a, b = r.sample(WORDS, 2)
    return (
        f"func (s *Server) {a.capitalize()}{b.capitalize()}(ctx context.Context) error {{\n"
        f"\t{a}, err := s.{b}.Load(ctx)\n\tif err != nil {{\n\t\treturn err\n\t}}\n"
        f"\tif err := s.save(ctx, {a}); err != nil {{\n\t\treturn err\n\t}}\n\treturn nil\n}}\n\n"
    )


def html_code(r: random.Random) -> str:
    a, b = r.sample(WORDS, 2)
    return (
        f'      <div class="form-group">\n        <label for="{a}-{b}">{a}</label>\n'
        f'        <input type="text" class="form-control" id="{a}-{b}" name="{b}">\n      </div>\n'
    )


def csv(r: random.Random) -> str:
    who = r.choice(WORDS)
    return f"{r.randint(1, 10**6)},{who},{r.choice(CITIES)},active,{r.random():.2f},0,0,OK\n"


def csv_with_sentences(r: random.Random) -> str:
    a, b = r.sample(WORDS, 2)
    return f'{r.randint(1, 9999)},2026-03-0{r.randint(1, 9)},"The {a} is good. I like the {b}."\n'


def sql(r: random.Random) -> str:
    return (
        "INSERT INTO orders (id, customer, city, status, total) VALUES "
        f"({r.randint(1, 10**6)}, '{r.choice(WORDS)}', '{r.choice(CITIES)}', 'open', "
        f"{r.random() * 100:.2f});\n"
    )


def log(r: random.Random) -> str:
    return (
        f"2026-03-0{r.randint(1, 9)} 12:{r.randint(10, 59)}:{r.randint(10, 59)},"
        f"{r.randint(100, 999)} INFO  [{r.choice(WORDS)}-{r.randint(1, 8)}] "
        f"Request handled in {r.randint(1, 900)} ms.\n"
    )


def bare_log(r: random.Random) -> str:
    return f"INFO: worker {r.randint(1, 8)} finished the {r.choice(WORDS)} job of today\n" + (
        "WARN: connection lost, trying again\n" * r.randint(0, 6)
    )


def diff(r: random.Random) -> str:
    a, b = r.sample(WORDS, 2)
    n = r.randint(1, 900)
    return (
        f"@@ -{n},6 +{n},7 @@ def {a}_{b}(self):\n     self.{a} = {a}\n-    return self.{b}\n"
        f"+    # The {b} is read once.\n+    return self.{b}.get({a!r})\n \n \n"
    )


def markdown_table(r: random.Random) -> str:
    return (
        f"| {r.choice(WORDS)} | string | yes | The {r.choice(WORDS)} of the {r.choice(WORDS)}. |\n"
    )


def long_json(r: random.Random) -> str:
    row = {"id": r.randint(1, 10**6), "name": r.choice(WORDS), "tags": [], "active": True}
    return json.dumps(row | {"note": "No notes. None at all.", "parent": None}, indent=2) + ",\n"


def json_lines(r: random.Random) -> str:
    a, b = r.sample(WORDS, 2)
    talk = [{"role": "user", "content": f"Show the {a}. Then the {b}."}]
    return json.dumps({"messages": talk, "label": r.randint(0, 1)}) + "\n"


def ascii_grid(r: random.Random) -> str:
    width, height = r.randint(20, 100), r.randint(5, 60)
    if r.random() < 0.4:
        return ("." * width + "\n") * height + "\n"
    if r.random() < 0.4:
        return "+---" * (width // 4) + "+\n" + ("|   " * (width // 4) + "|\n") * height + "\n"
    rows = ("".join(r.choice(".....#") for _ in range(width)) for _ in range(height))
    return "\n".join(rows) + "\n\n"


def lockfile(r: random.Random) -> str:
    name, version = (
        f"{r.choice(WORDS)}-{r.choice(WORDS)}",
        f"{r.randint(0, 9)}.{r.randint(0, 30)}.0",
    )
    return (
        f'    "node_modules/{name}": {{\n      "version": "{version}",\n'
        f'      "resolved": "https://registry.example/{name}/-/{name}-{version}.tgz",\n'
        f'      "integrity": "sha512-{r.getrandbits(256):064x}==",\n      "license": "MIT",\n'
        '      "dev": true,\n      "engines": {\n        "node": ">=18"\n      }\n    },\n'
    )


def hex_dump(r: random.Random) -> str:
    at = r.randrange(0, 1 << 20, 16)
    zero = r.random() < 0.7
    values = ["0000" if zero else f"{r.getrandbits(16):04x}" for _ in range(8)]
    row = f"{at:08x}: {' '.join(values)}  {'.' * 16}\n"
    return row if not zero else row + "0000 0000 0000 0000 0000 0000 0000 0000\n" * r.randint(0, 9)


def pytest_output(r: random.Random) -> str:
    a, b = r.sample(WORDS, 2)
    done = f"PASSED{' ' * 20}[{r.randint(1, 99)}%]"
    return f"tests/test_{a}.py::test_{a}_{b}[{r.randint(0, 30)}] {done}\n"


def unittest_output(r: random.Random) -> str:
    a, b = r.sample(WORDS, 2)
    return f"test_{a}_{b} (tests.test_{a}.{a.capitalize()}Tests.test_{a}_{b}) ... ok\n"


def build_output(r: random.Random) -> str:
    a, b = r.sample(WORDS, 2)
    return f"[{r.randint(1, 400)}/400] Building CXX object src/{a}/CMakeFiles/{a}.dir/{b}.cpp.o\n"


def zero_table(r: random.Random) -> str:
    rows = ("    " + "0, " * 24).rstrip() + "\n"
    return "{\n" + rows * r.randint(2, 40) + "},\n" + "    None,\n" * r.randint(0, 80)


def api_list(r: random.Random) -> str:
    a, b, c = r.sample(WORDS, 3)
    return f"- `{a}_{b}({c})`: returns the {b} of the {a}.\n"


def yaml(r: random.Random) -> str:
    a, b = r.sample(WORDS, 2)
    return (
        f"  - name: {a}-{b}\n    image: example/{a}:latest\n    restart: always\n"
        f'    ports:\n      - "{r.randint(1000, 9999)}:80"\n'
        "    environment:\n      - LOG_LEVEL=info\n"
    )


KINDS: tuple[Maker, ...] = (
    python_code, java_code, c_code, typescript_code, go_code, html_code, csv, csv_with_sentences,
    sql, log, bare_log, diff, markdown_table, long_json, json_lines, ascii_grid, lockfile, hex_dump,
    pytest_output, unittest_output, build_output, zero_table, api_list, yaml,
)  # fmt: skip


def sound_texts(seed: int, chars: int, each: int = 60_000) -> Iterator[tuple[str, str]]:
    """(kind, text) pairs of about `each` characters, `chars` in all, every kind in turn."""
    rng, made = random.Random(seed), 0
    while made < chars:
        for kind in KINDS:
            parts, size = [], 0
            while size < each:
                parts.append(kind(rng))
                size += len(parts[-1])
            made += size
            yield kind.__name__, "".join(parts)
