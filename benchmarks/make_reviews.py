"""Make data/reviews.tsv.gz: 10 605 rated sentences from film reviews, split into train, validation and test.

    pip download --no-deps --no-binary :all: vaderSentiment==3.3.2
    python benchmarks/make_reviews.py vaderSentiment-3.3.2.tar.gz

Hutto & Gilbert (2014) had every sentence rated from -4 to 4 by 15 to 29 people. One sentence is one line of the file:
its split, the sentence, every rating. The split is decided by the SHA-256 of the sentence, which depends on no random
number generator and mixes the originally sorted sentences (most positive ones come first there), so that the first n
of a split are a random sample of it. Sentences that are nearly alike all go into the training split: no test or
validation sentence then has a twin anywhere.
"""

import ast
import gzip
import hashlib
import io
import re
import sys
import tarfile

import kdlab.data
from kdlab.data import REVIEWS

SOURCE = "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9"  # vaderSentiment-3.3.2.tar.gz
ARCHIVE = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
FOLDER = "hutto_ICWSM_2014/movieReviewSnippets_"
TEST, VALIDATION = 2000, 1000
ALIKE = 0.4  # sentences are nearly alike if they share this part of their pairs of neighbouring words


def main(path):
    sentences, ratings = read(path)
    twins = nearly_alike(sentences)
    digests = [hashlib.sha256(sentence.encode()).digest() for sentence in sentences]
    order = sorted(range(len(sentences)), key=lambda i: digests[i][::-1])  # within a split: by another end of the hash
    alone = sorted((i for i in order if i not in twins), key=lambda i: digests[i])
    held_out = {i: "test" for i in alone[:TEST]} | {i: "validation" for i in alone[TEST : TEST + VALIDATION]}
    lines = ["split\tsentence\tratings"]
    for split in ("train", "validation", "test"):
        for i in order:
            if held_out.get(i, "train") == split:
                lines.append(f"{split}\t{sentences[i]}\t{' '.join(map(str, ratings[i]))}")
    text = ("\n".join(lines) + "\n").encode()
    content = gzip.compress(text, 9, mtime=0)
    (kdlab.data.DATA / REVIEWS).write_bytes(content)
    print(f"{len(sentences)} sentences, {len(twins)} of them nearly alike another, {len(content)} bytes")
    print(f"unpacked: {hashlib.sha256(text).hexdigest()}")
    print(f"{hashlib.sha256(content).hexdigest()}  {REVIEWS}\nPut the last line in data/SHA256SUMS.")


def read(path):
    """The sentences and their ratings (a list of whole numbers each), in the order of the source."""
    with open(path, "rb") as file:
        content = file.read()
    if hashlib.sha256(content).hexdigest() != SOURCE:
        sys.exit(f"{path} is not vaderSentiment-3.3.2.tar.gz: its SHA-256 differs")
    with tarfile.open(fileobj=io.BytesIO(content)) as outer:
        inner = tarfile.open(fileobj=io.BytesIO(outer.extractfile(ARCHIVE).read()))
    texts = [row.split("\t") for row in _lines(inner, "GroundTruth.txt")]  # number, mean rating, sentence
    scores = [row.split("\t") for row in _lines(inner, "anonDataRatings.txt")]  # number, mean, deviation, ratings
    assert [row[0] for row in texts] == [row[0] for row in scores]
    ratings = [ast.literal_eval(row[3]) for row in scores]
    for row, own in zip(texts, ratings, strict=True):
        assert abs(float(row[1]) - sum(own) / len(own)) < 1e-6, row
    return [row[2].strip() for row in texts], ratings


def _lines(archive, name):
    return archive.extractfile(FOLDER + name).read().decode().splitlines()


def nearly_alike(sentences):
    """The places of all sentences that share ALIKE or more of their pairs of neighbouring words with another one.

    Shared pairs are counted against all pairs of the two sentences together (their Jaccard index).
    """
    pairs = [word_pairs(sentence) for sentence in sentences]
    places = {}
    for i, own in enumerate(pairs):
        for pair in own:
            places.setdefault(pair, []).append(i)
    found = set()
    for i, own in enumerate(pairs):
        shared = {}
        for pair in own:
            for j in places[pair]:
                shared[j] = shared.get(j, 0) + 1
        found |= {i for j, n in shared.items() if j != i and n >= ALIKE * (len(own) + len(pairs[j]) - n)}
    return found


def word_pairs(sentence):
    """The pairs of neighbouring words, as a set; a sentence of one word is that word."""
    words = re.findall(r"\w+", sentence.lower())
    return set(zip(words, words[1:], strict=False)) or {tuple(words)}


if __name__ == "__main__":
    main(*sys.argv[1:])
