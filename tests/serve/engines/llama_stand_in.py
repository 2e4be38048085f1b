"""A program that takes llama-server's arguments and serves through the same engine as a wheel.

Tests start it as a process of its own under the name `llama-server`. The variable `STAND_IN`
holds the ways in which it misbehaves, `STAND_IN_MODEL` the model that it serves instead.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time

WAYS = set(os.environ.get("STAND_IN", "").split())


def main() -> None:
    args = arguments()
    if "exit" in WAYS:
        sys.stderr.write("loading\nthe disk said no\nthat is all\n")
        raise SystemExit(3)
    if "killed" in WAYS:
        os.kill(os.getpid(), signal.SIGKILL)
    if "silent" in WAYS:
        time.sleep(3600)
    if "late" in WAYS:
        time.sleep(1.3)
    if "fork" in WAYS and os.fork():
        os._exit(0)
    if "fork" in WAYS:
        os.setsid()
    if "wrapper" in WAYS:
        environment = {**os.environ, "STAND_IN": " ".join(WAYS - {"wrapper"})}
        raise SystemExit(subprocess.call([sys.executable, *sys.argv], env=environment))
    serve(args)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(add_help=False)
    for name in ("--model", "--host", "--lora", "--lora-scaled", "--reasoning-format"):
        parser.add_argument(name)
    parser.add_argument("--port", type=int)
    parser.add_argument("-c", "--ctx-size", type=int)
    parser.add_argument("--parallel", type=int)
    parser.add_argument("--threads", type=int)
    for name in ("--jinja", "--no-context-shift", "--slots", "--metrics", "--skip-chat-parsing"):
        parser.add_argument(name, action="store_true")
    args, unknown = parser.parse_known_args()
    if unknown:  # in the words of common/arg.cpp
        sys.stderr.write(f"error: invalid argument: {unknown[0]}\n")
        raise SystemExit(1)
    return args


def serve(args: argparse.Namespace) -> None:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = os.environ.get("STAND_IN_MODEL", args.model)
    params.n_ctx, params.n_parallel = args.ctx_size, args.parallel
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = args.threads
    params.hostnames, params.port = [args.host], args.port
    params.kv_unified = params.fit_params = params.ui = params.ctx_shift = False
    params.endpoint_slots, params.endpoint_metrics = args.slots, args.metrics
    params.use_jinja = args.jinja
    params.force_pure_content_parser = args.skip_chat_parsing
    if key := os.environ.get("LLAMA_API_KEY"):
        params.api_keys = [key]
    if args.lora:
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(args.lora, 1.0)]
    if args.lora_scaled:
        path, _, scale = args.lora_scaled.rpartition(":")
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(path, float(scale))]
    try:
        server = xllamacpp.Server(params)
    except RuntimeError as error:
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(1) from None
    if "deaf" in WAYS:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(3600)
        assert server


main()
