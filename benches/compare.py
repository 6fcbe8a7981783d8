"""Compares the exporter with what it could be instead, part by part, and says whether the promised figures were kept.

Everything runs on this machine over loopback. What is compared takes turns; every figure is a median.
"""

import argparse
import sys
from collections.abc import Callable

import compare_many
import compare_scrape
import compare_sizes
import compare_walk
import compare_warm
from measuring import end_in_order_when_told
from results import DOCUMENT, Part, Tools, circumstances, inserted, picture, promised, svg, wrapped

PARTS: dict[str, Callable[[Tools], Part]] = {
    "walk": compare_walk.compare,
    "warm": compare_warm.compare,
    "scrape": compare_scrape.compare,
    "sizes": compare_sizes.compare,
    "many": compare_many.compare,
}


def parts(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(PARTS):
        raise argparse.ArgumentTypeError(f"no part {', '.join(sorted(unknown))}; there are: {','.join(PARTS)}")
    return names


def main() -> None:
    options = argparse.ArgumentParser(prog="benches/compare.sh", description=__doc__)
    for tool in ("binary", "bare", "wrk", "pushgateway"):
        options.add_argument(f"--{tool}", required=True, help=argparse.SUPPRESS)
    options.add_argument("--only", type=parts, default=list(PARTS), metavar="PART[,PART]", help=f"of {','.join(PARTS)}")
    options.add_argument("--runs", type=int, help="of everything; 5 unless it is said, and 1 with --short")
    options.add_argument("--short", action="store_true", help="small sizes: whether the comparison runs, no figures")
    options.add_argument("--write", action="store_true", help="put tables and plots into docs/performance.md")
    options = options.parse_args()
    if options.short and options.write:
        sys.exit("figures of --short are none to --write")
    end_in_order_when_told()
    runs = options.runs or (1 if options.short else 5)
    tools = Tools(options.binary, options.bare, options.wrk, options.pushgateway, runs, options.short)

    kept = True
    for name in options.only:
        part = PARTS[name](tools)
        part = part._replace(text=wrapped(f"{part.text}\n\n{circumstances(tools.binary)}"))
        print(f"\n{name}\n\n{part.text}\n", flush=True)
        # Made in any case, so that the short form meets what would be written.
        document, plot = inserted(name, part), part.plot and svg(part.plot)
        if options.short:
            continue
        print(promised(part.promises), flush=True)
        kept &= all(promise.kept for promise in part.promises)
        if options.write:
            DOCUMENT.write_text(document)
        if options.write and plot:
            picture(name).write_text(plot)
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
