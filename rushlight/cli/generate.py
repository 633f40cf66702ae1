"""`rushlight generate MODEL`: let a saved language model go on with a text."""

import argparse
import itertools
import json
import sys
import time
from collections.abc import Sequence
from typing import Any

from rushlight.cli.arguments import Parser, counting, finite, natural
from rushlight.data.pictures import LAYOUT, printable
from rushlight.llm.sampler import Sampler
from rushlight.llm.text import TextGenerator, Writing

NOTICEABLE_S = 0.3
ESCAPES = {r"\n": "\n", r"\t": "\t"}


def run(argv: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    args = _parser().parse_args(argv)
    sampler = Sampler(
        args.temperature,
        args.top_k,
        args.top_p,
        args.min_p,
        args.repetition_penalty,
        args.seed,
    )
    writer = TextGenerator.load(args.model, cache=args.cache)
    prompt = _unescaped(args.prompt)
    writing = writer.write(prompt, args.tokens, sampler, [_unescaped(one) for one in args.stop])
    started = time.perf_counter()
    text = ""
    if args.json:
        text = "".join(writing)
    else:
        _streamed(prompt, writing)
    seconds = max(1e-9, time.perf_counter() - started - writer.decoder.compiling)
    speed = writing.tokens / seconds
    if args.json:
        facts: dict[str, Any] = {"prompt": prompt, "text": text, "tokens": writing.tokens}
        facts |= {"reason": writing.reason, "tokens_per_second": round(speed, 1)}
        print(json.dumps(facts))
        return 0
    compiled = ""
    if writer.decoder.compiling > NOTICEABLE_S:
        compiled = f"; compiled in {writer.decoder.compiling:.1f} s, kept for the next time"
    print(f"{writing.tokens} tokens, {speed:,.0f} a second{compiled}", file=sys.stderr)
    return 0


def _streamed(prompt: str, writing: Writing) -> None:
    """Print a prompt and what follows as it is made."""
    for piece in itertools.chain([prompt], writing):
        print(printable(piece, sys.stdout.encoding, LAYOUT), end="", flush=True)
    print(flush=True)


def _unescaped(text: str) -> str:
    for written, meant in ESCAPES.items():
        text = text.replace(written, meant)
    return text


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="rushlight generate",
        description="Let a saved language model go on with a text; what it writes comes as it is "
        "made. The same seed gives the same text.",
    )
    parser.add_argument("model", help="a language model that rushlight train or rl.save wrote")
    parser.add_argument(
        "--prompt",
        default=r"\n",
        metavar="TEXT",
        help=r"what to go on with; \n is a new line (default: one)",
    )
    parser.add_argument(
        "--tokens", type=natural, default=500, metavar="N", help="the most to write (default: 500)"
    )
    parser.add_argument(
        "--temperature",
        type=finite,
        default=1.0,
        metavar="X",
        help="below 1 likely tokens get likelier, 0 takes the likeliest (default: 1)",
    )
    parser.add_argument(
        "--top-k", type=counting, metavar="N", help="draw from the N likeliest tokens alone"
    )
    parser.add_argument(
        "--top-p",
        type=finite,
        default=1.0,
        metavar="X",
        help="draw from the likeliest that together have this chance (default: 1)",
    )
    parser.add_argument(
        "--min-p",
        type=finite,
        default=0.0,
        metavar="X",
        help="draw from those with this share of the likeliest one's chance (default: 0)",
    )
    parser.add_argument(
        "--repetition-penalty",
        type=finite,
        default=1.0,
        metavar="X",
        help="above 1 tokens that have come get less likely (default: 1)",
    )
    parser.add_argument("--seed", type=natural, default=0, metavar="N", help="(default: 0)")
    parser.add_argument(
        "--stop",
        action="append",
        default=[],
        metavar="TEXT",
        help="end before this text; may be given several times",
    )
    parser.add_argument(
        "--no-cache", dest="cache", action="store_false", help="read the text anew for each token"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    return parser
