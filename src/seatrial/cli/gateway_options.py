"""The words of `seatrial gateway` as settings: upstreams, pins, rules that are off, the token.

In: parsed arguments and the environment. Out: `Settings`, or a `UserError`.
"""

from __future__ import annotations

import argparse
import os
import re

import msgspec

from seatrial.chat.address import server_root
from seatrial.chat.window import SoftWindow
from seatrial.core.config import GuardSpec, RuleMode, convert_guard, override, read_config
from seatrial.core.errors import UserError
from seatrial.gateway.settings import OWN_RULES, Pin, Settings, UpstreamSpec
from seatrial.guard.rules import RULES, check_modes

TOKEN_VARIABLE = "SEATRIAL_GATEWAY_TOKEN"

_NAMED = re.compile(r"([A-Za-z0-9._-]+)=(https?://.*)", re.DOTALL)
_FIELD = re.compile(r"(?:([A-Za-z0-9._-]+):)?([A-Za-z_][A-Za-z0-9_]*)")
_NOT_PINNED = frozenset({"messages", "stream"})


def settings_of(args: argparse.Namespace) -> Settings:
    """What the options say.

    Raises:
        UserError: one of them cannot be read, or names what is not there.
    """
    if args.raw and args.observe:
        hint = "leave one of them out"
        raise UserError("--observe changes nothing, and --raw asks for another answer", hint=hint)
    return Settings(
        upstreams=_upstreams(args),
        guard=guard_of(args),
        observe=args.observe,
        raw=args.raw,
        off=frozenset(args.off),
        soft_window=_soft_window(args.soft_window),
        pins=(*map(_pin, args.pin), *map(_strip, args.strip)),
        token=_secret(args.token_env) if args.token_env else os.environ.get(TOKEN_VARIABLE) or None,
        runs=None if args.no_record else args.runs,
    )


def rule_modes(settings: Settings) -> dict[str, str]:
    """In which mode each rule runs."""
    from seatrial.guard.rules import gateway_rules

    most: RuleMode = "observe" if settings.observe else "enforce"
    modes: dict[str, str] = dict.fromkeys(RULES, "off")
    modes |= {rule.id: rule.mode for rule in gateway_rules(settings.guard, most)}
    modes |= {rule: "enforce" if settings.acts(rule) else "off" for rule in OWN_RULES}
    return modes


def _upstreams(args: argparse.Namespace) -> tuple[UpstreamSpec, ...]:
    if not args.upstream:
        hint = "--upstream http://127.0.0.1:8080"
        raise UserError("which server should the gateway ask?", hint=hint)
    if args.slots is not None and args.slots < 1:
        raise UserError(f"--slots {args.slots}: at least 1")
    specs = []
    for index, word in enumerate(args.upstream):
        match = _NAMED.fullmatch(word)
        name, url = match.groups() if match else (f"upstream{index + 1}", word)
        url = url if "://" in url else f"http://{url}"
        server_root(url)
        specs.append(UpstreamSpec(name, url, None, args.slots))
    names = [spec.name for spec in specs]
    if len(set(names)) < len(names):
        raise UserError("two upstreams have the same name", hint="--upstream NAME=URL")
    keys = _upstream_keys(args.upstream_key_env, names)
    return tuple(msgspec.structs.replace(spec, api_key=keys.get(spec.name)) for spec in specs)


def _upstream_keys(words: list[str], names: list[str]) -> dict[str, str]:
    """Key by upstream: one server's key is shown to no other."""
    keys: dict[str, str] = {}
    for word in words:
        name, equals, variable = word.rpartition("=")
        if not equals and len(names) > 1:
            hint = f"--upstream-key-env {names[0]}={variable}"
            raise UserError("the key of which server?", hint=hint)
        if equals and name not in names:
            known = ", ".join(names)
            raise UserError(f"no upstream is named {name}", hint=f"there are {known}")
        keys[name or names[0]] = _secret(variable)
    return keys


def _soft_window(word: str | None) -> SoftWindow | None:
    if word is None:
        return None
    if word == "auto":
        return SoftWindow()
    if not word.isdecimal() or not 0 < int(word[:12]) < 10**9:
        hint = "a number of tokens, or auto: the window of the server less the answer and a margin"
        raise UserError(f"--soft-window {word[:40]}: not a number of tokens", hint=hint)
    return SoftWindow(prompt_tokens=int(word))


def guard_of(args: argparse.Namespace) -> GuardSpec:
    """The thresholds and modes of the rules: files, single settings, then `--on` and `--off`.

    Raises:
        UserError: a file cannot be read, a key or a rule does not exist, or one is both on and off.
    """
    known = (*RULES, *OWN_RULES)
    for rule in (*args.on, *args.off):
        if rule not in known:
            raise UserError(f"no such rule: {rule}", hint=f"one of {', '.join(known)}")
    if both := sorted(set(args.on) & set(args.off)):
        raise UserError(f"--on and --off both name {both[0]}", hint="leave one of the two out")
    tree = read_config(args.guard)
    override(tree, args.settings)
    spec = convert_guard(tree)
    check_modes(spec)
    given = {} if spec.modes is msgspec.UNSET else spec.modes
    modes: dict[str, RuleMode] = dict(given)
    modes |= {rule: "enforce" for rule in args.on if rule in RULES}
    modes |= {rule: "off" for rule in args.off if rule in RULES}
    return msgspec.structs.replace(spec, modes=modes) if modes else spec


def _pin(word: str) -> Pin:
    key, equals, value = word.partition("=")
    match = _FIELD.fullmatch(key)
    if not equals or match is None or match[2] in _NOT_PINNED:
        raise UserError(f"--pin {word}: not of the form FIELD=VALUE", hint="temperature=0.7")
    try:
        read = msgspec.json.decode(value)
    except msgspec.DecodeError:
        read = value
    return Pin(match[2], read, client=match[1])


def _strip(word: str) -> Pin:
    match = _FIELD.fullmatch(word)
    if match is None or match[2] in _NOT_PINNED:
        raise UserError(f"--strip {word}: not the name of a field", hint="top_k")
    return Pin(match[2], strip=True, client=match[1])


def _secret(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise UserError(f"the variable {name} is not set, or empty")
    return value
