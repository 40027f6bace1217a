"""How like their sources compressed pictures are: the mean of SSIM, of ours and of those in another folder.

`--other` is a folder of results by the names of their sources. It needs scikit-image (`pip install '.[similarity]'`).
Source of the measure: Wang et al., "Image quality assessment: from error visibility to structural similarity", 2004.
"""

import argparse
import io
import json
import statistics
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from bench.pictures import Pictures
from services.processor.codec.colour import eight_bit, on_white
from services.processor.codec.compress import compress
from services.processor.codec.job import Compressed, Job, Order
from services.processor.codec.memory_file import MemoryFile

MAX_PIXELS = 500_000_000
PEAK = 255


def main() -> int:
    chosen = _arguments()
    pictures = Pictures.of(chosen.corpus, chosen.set)
    sources = [
        pictures.folder / name for name in pictures.names if not chosen.opaque or _is_opaque(pictures.folder / name)
    ]
    made = [_made(source.read_bytes(), chosen.mode) for source in sources]
    report = {"set": chosen.set, "mode": chosen.mode, "pictures": len(sources), "ours": _figures(sources, made)}
    if chosen.other is not None:
        others = [(chosen.other / source.name).read_bytes() for source in sources]
        report["other"] = _figures(sources, others)
    print(json.dumps(report), flush=True)
    return 0


def _made(source: bytes, mode: str) -> bytes:
    with MemoryFile("source") as file, MemoryFile("output") as output:
        file.write(source)
        order = Order("jpeg" if mode == "jpeg" else "keep", 50, output.descriptor)
        answer = compress(Job(file.descriptor, MAX_PIXELS, (order,)))
        if not isinstance(answer, Compressed):
            raise SystemExit(f"A picture was not compressed: {answer}")
        return output.read()


def _figures(sources: Iterable[Path], results: Iterable[bytes]) -> dict[str, float]:
    pairs = [(source.read_bytes(), result) for source, result in zip(sources, results, strict=True)]
    mean = statistics.fmean(similarity(_as_seen(source), _as_seen(result)) for source, result in pairs)
    return {"mean_ssim": round(mean, 4), "bytes": sum(len(result) for _, result in pairs)}


def similarity(before: Image.Image, after: Image.Image) -> float:
    """SSIM over the three bands of two pictures of one size; 1 for the same picture."""
    try:
        from skimage.metrics import structural_similarity  # noqa: PLC0415
    except ImportError as error:
        raise SystemExit("scikit-image is missing. Install it: pip install '.[similarity]'") from error
    return float(structural_similarity(np.asarray(before), np.asarray(after), channel_axis=2))


def _as_seen(data: bytes) -> Image.Image:
    """Upright and on white."""
    with Image.open(io.BytesIO(data)) as opened:
        return on_white(eight_bit(ImageOps.exif_transpose(opened))).convert("RGB")


def _is_opaque(source: Path) -> bool:
    with Image.open(source) as opened:
        return opened.convert("RGBA").getchannel("A").getextrema() == (PEAK, PEAK)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.similarity", description=__doc__)
    parser.add_argument("--set", choices=["product", "mixed"], default="product", help="product: up to 2.2 megapixels")
    parser.add_argument("--mode", choices=["keep", "jpeg"], default="jpeg", help="formats of the copies")
    parser.add_argument("--corpus", type=Path, help="folder of pictures (default: those of the examples)")
    parser.add_argument("--other", type=Path, help="folder of other results, by the names of their sources")
    parser.add_argument("--opaque", action="store_true", help="leave out what is transparent: others lay it on black")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
