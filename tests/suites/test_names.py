"""The evaluation shares no identifier with the training, down to the words they are made of."""

import ast
import base64
import builtins
import datetime
import functools
import importlib
import itertools
import json
import keyword
import math
import operator
import os
import random
import re
import statistics
import string
import sys
import textwrap
import tomllib
from configparser import ConfigParser
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from seatrial.suites.shakedown import FAMILIES, Traits, build, generate
from seatrial.suites.shakedown.names import Names, WordPool, held_out, held_out_pool

TRAINING_WORDS = tuple(
    (Path(__file__).parents[2] / "recipes" / "dinghy" / "words_train.txt").read_text().split()
)
TRAINING = Traits(
    styles=(("two", 2), ("three", 1), ("camel", 1), ("digit", 1)),
    fillers=(0, 2, 8),
    wording="standard",
    wrappers=("{}",),
    wrapped=0.0,
)
LIBRARY_MODULES = (base64, datetime, functools, importlib, itertools, json, math, operator, os)
LIBRARY_MODULES += (re, statistics, string, textwrap, tomllib)
# What the templates themselves may say; every other identifier has to be a drawn one.
LIBRARY = {
    *keyword.kwlist,
    *dir(builtins),
    *sys.stdlib_module_names,
    *dir(str),
    *dir(list),
    *dir(dict),
    "seconds",
    *dir(bytes),
    *dir(Path),
    *dir(ConfigParser),
    *dir(os.path),
    *("Path", "ConfigParser", "self", "pytest"),
    *(name for module in LIBRARY_MODULES for name in dir(module)),
}


def identifiers(text):
    found = set()
    for node in ast.walk(ast.parse(text)):
        for field in ("id", "name", "arg", "attr", "module", "asname"):
            value = getattr(node, field, None)
            if isinstance(value, str):
                found.update(value.split("."))
    return found - LIBRARY


def of_instances(instances):
    return {
        name
        for instance in instances
        for path, text in {**instance.files, **instance.hidden}.items()
        if path.endswith(".py")
        for name in identifiers(text)
    }


def parts(names):
    """The lowercase words that names are made of."""
    found = (re.findall("[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name) for name in names)
    return {part.lower() for several in found for part in several} - {"test"}


def training_instances(count):
    pool = WordPool(TRAINING_WORDS, invented=0.35)
    families = list(FAMILIES.values())
    return [
        build(random.Random(index), families[index % 8], TRAINING, pool, str(index), "train")
        for index in range(count)
    ]


def test_evaluation_and_training_share_no_identifier():
    evaluated = of_instances([*generate(1, 400), *generate(1, 400, "hard")])
    trained = of_instances(training_instances(1600))
    assert len(evaluated) > 2000
    assert len(trained) > 5000
    assert evaluated & trained == set()
    assert parts(evaluated) & parts(trained) == set()


def test_every_evaluated_word_is_a_held_out_word():
    known = set(held_out_pool().words)
    assert parts(of_instances([*generate(2, 160), *generate(2, 160, "hard")])) <= known


def test_the_lists_are_plain_disjoint_and_on_their_side():
    held = held_out_pool().words
    assert len(held) == len(set(held)) == 700
    assert len(TRAINING_WORDS) == len(set(TRAINING_WORDS)) == 5000
    assert all(held_out(word) for word in held)
    assert not any(held_out(word) for word in TRAINING_WORDS)
    reserved = {*keyword.kwlist, *keyword.softkwlist, *dir(builtins), *sys.stdlib_module_names}
    for word in (*held, *TRAINING_WORDS):
        assert re.fullmatch("[a-z]{3,10}", word)
        assert word not in reserved
        assert not word.startswith("test")


@given(st.integers(0, 2**32))
def test_invented_words_stay_on_the_training_side(seed):
    rng = random.Random(seed)
    word = WordPool(("never",), invented=1.0).draw(rng)
    assert re.fullmatch("[a-z]{4,10}", word)
    assert not held_out(word)


@given(st.integers(0, 2**32), st.sampled_from(["two", "three", "camel", "digit"]))
def test_names_are_identifiers_and_no_word_comes_twice(seed, style):
    names = Names(random.Random(seed), held_out_pool(), style)
    drawn = [draw() for _ in range(5) for draw in (names.symbol, names.constant, names.type_name)]
    assert all(name.isidentifier() for name in drawn)
    words = [word for name in drawn for word in parts({name})]
    assert len(words) == len(set(words))
