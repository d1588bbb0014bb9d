#!/usr/bin/env python3
# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""Compares the tokenizers of copse with the tokenizers library.

Trains small vocabularies of each kind on the documents of this repository,
with the normalizers and pre-tokenizers that published models have, and lets
both tokenize random text of many scripts. Token ids must be equal one by one.
Ranges must be equal, or wider where the library cuts a composed character. For
`precompiled` they are counted and not judged: behind characters that its rules
remove, the library's ranges are those of the neighbours.

  check_tokenizers.py BUILD_FOLDER [--texts N] [--seed N] [--kind KIND]
  check_tokenizers.py BUILD_FOLDER --write FOLDER

The second form makes the data of hugging_face_tokenizer_test: a few vocabularies
of some hundred pieces, and what the library makes of some texts.

Needs `pip install tokenizers`, and sentencepiece for the rules that its models
carry, which are left out without it. Prints a table; exits 1 if anything differs,
and 77 without the library.
"""

import argparse
import io
import json
import os
import random
import subprocess
import sys
import tempfile

SKIPPED = 77
try:
    from tokenizers import (AddedToken, Regex, Tokenizer, models, normalizers,
                            pre_tokenizers, trainers)
except ImportError:
    print("SKIPPED: the Python package tokenizers is not installed")
    sys.exit(SKIPPED)

try:
    import sentencepiece
except ImportError:
    sentencepiece = None

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))

# cl100k_base's, which Qwen and Llama 3 have with other numbers.
CL100K = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
          r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def corpus():
    """Lines of the documents of this repository."""
    for folder, _, names in sorted(os.walk(ROOT)):
        if "/build" in folder or "/.git" in folder:
            continue
        for name in sorted(names):
            if name.endswith((".md", ".h", ".proto")):
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    yield from file


def wordpiece():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer, trainers.WordPieceTrainer(
        vocab_size=3000, special_tokens=["[UNK]", "[CLS]", "[SEP]", "[MASK]"])


def wordpiece_cased():
    tokenizer = Tokenizer(models.WordPiece(
        unk_token="[UNK]", max_input_chars_per_word=12))
    tokenizer.normalizer = normalizers.BertNormalizer(
        lowercase=False, strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Whitespace(), pre_tokenizers.Punctuation("contiguous"),
        pre_tokenizers.Digits(individual_digits=True)])
    return tokenizer, trainers.WordPieceTrainer(
        vocab_size=3000, special_tokens=["[UNK]"])


def unigram():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    return tokenizer, trainers.UnigramTrainer(
        vocab_size=3000, unk_token="<unk>",
        special_tokens=["<s>", "</s>", "<unk>", "<mask>"])


def unigram_unsplit():
    tokenizer, trainer = unigram()
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.Nmt(), normalizers.NFKD(), normalizers.StripAccents(),
        normalizers.Lowercase(), normalizers.Strip()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(
        prepend_scheme="first", split=False)
    return tokenizer, trainer


def byte_level():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    return tokenizer, trainers.BpeTrainer(
        vocab_size=3000, special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet())


def byte_level_split():
    tokenizer, trainer = byte_level()
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(CL100K), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    return tokenizer, trainer


def byte_fallback():
    tokenizer = Tokenizer(models.BPE(
        unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    return tokenizer, trainers.BpeTrainer(
        vocab_size=2000, max_token_length=16,
        special_tokens=["<unk>", "<s>"] + [f"<0x{i:02X}>" for i in range(256)])


def word_suffix():
    tokenizer = Tokenizer(models.BPE(
        unk_token="<unk>", end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.NFD(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.CharDelimiterSplit("a"),
        pre_tokenizers.Split("re", "merged_with_previous"),
        pre_tokenizers.Split(Regex(r"\s+"), "merged_with_next")])
    return tokenizer, trainers.BpeTrainer(
        vocab_size=2000, special_tokens=["<unk>"], end_of_word_suffix="</w>")


def subword_prefix():
    tokenizer = Tokenizer(models.BPE(
        unk_token="<unk>", continuing_subword_prefix="##", fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(
        Regex(r"\w+|[^\w\s]"), "removed", invert=True)
    return tokenizer, trainers.BpeTrainer(
        vocab_size=2000, special_tokens=["<unk>"],
        continuing_subword_prefix="##")


def protobuf_field(message, wanted):
    """The bytes of a length-delimited field of a serialised message."""
    def varint(at):
        value = shift = 0
        while True:
            value |= (message[at] & 127) << shift
            shift += 7
            at += 1
            if message[at - 1] < 128:
                return value, at
    at = 0
    while at < len(message):
        tag, at = varint(at)
        if tag & 7 == 2:
            size, at = varint(at)
            if tag >> 3 == wanted:
                return message[at:at + size]
            at += size
        elif tag & 7 == 0:
            _, at = varint(at)
        else:
            at += 8 if tag & 7 == 1 else 4
    raise ValueError(f"no field {wanted}")


def precompiled():
    """With the rules that sentencepiece puts into its models, nmt_nfkc."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["oak elm ash willow"] * 10), vocab_size=20,
        model_writer=model, minloglevel=2, hard_vocab_limit=False)
    rules = protobuf_field(protobuf_field(model.getvalue(), 3), 2)
    tokenizer, trainer = unigram()
    tokenizer.normalizer = normalizers.Precompiled(rules)
    return tokenizer, trainer


KINDS = [wordpiece, wordpiece_cased, unigram, unigram_unsplit, byte_level,
         byte_level_split, byte_fallback, word_suffix, subword_prefix]

ADDED = [AddedToken("[OAK]", single_word=True, normalized=False),
         AddedToken("<elm>", lstrip=True, normalized=False),
         AddedToken("<ash>", rstrip=True, normalized=False),
         AddedToken("Willow Tree", normalized=True)]

SCRIPTS = [(0x20, 0x7E), (0x20, 0x7E), (0xA0, 0x17F), (0x300, 0x36F),
           (0x370, 0x3FF), (0x400, 0x4FF), (0x5D0, 0x5EA), (0x620, 0x64A),
           (0x905, 0x94D), (0xE01, 0xE4E), (0x1100, 0x11FF), (0x1E00, 0x1EFF),
           (0x2000, 0x206F), (0x2070, 0x209C), (0x2460, 0x24FF),
           (0x3041, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3),
           (0xFB00, 0xFB06), (0xFDF0, 0xFDFB), (0xFE00, 0xFE0F),
           (0xFF01, 0xFFEE), (0x1F300, 0x1F64F), (0x20000, 0x20100)]
PARTS = ["[OAK]", "<elm>", "<ash>", "Willow Tree", "willow tree", "<unk>",
         " ", "  ", "\n", "\n\n", "\t", "\r\n", "\u0085", "\u000b", "\u3000",
         "\u2581", "'s", "'LL", "123456", "e\u0301", "\u0130", "\u03a3",
         "a\u0323\u0307", "\U0001f468\u200d\U0001f469", "\x00", "\ufffd"]


def random_text(source, words):
    parts = []
    for _ in range(source.randrange(1, 40)):
        kind = source.randrange(10)
        if kind < 5:
            parts.append(source.choice(words) + " ")
        elif kind < 7:
            parts.append(source.choice(PARTS))
        else:
            first, last = source.choice(SCRIPTS)
            parts.append("".join(chr(source.randint(first, last)) for _ in
                                 range(source.randrange(1, 6))))
    return "".join(parts)


def run_copse(program, path, texts):
    stdin = b"".join(b"%d\n%s\n" % (len(text.encode()), text.encode())
                     for text in texts)
    run = subprocess.run([program, path], input=stdin, check=True,
                         stdout=subprocess.PIPE)
    return [[tuple(map(int, token.split(":"))) for token in line.split()]
            for line in run.stdout.decode().splitlines()]


def byte_offsets(text):
    offsets = [0]
    for character in text:
        offsets.append(offsets[-1] + len(character.encode()))
    return offsets


def compare(tokenizer, texts, results):
    """Returns how many tokens there are, how many texts have other ids, how
    many ranges are wider, and how many are wrong."""
    count = wrong = wider = other = 0
    for text, result in zip(texts, results):
        encoding = tokenizer.encode(text, add_special_tokens=False)
        count += len(encoding.ids)
        if encoding.ids != [token[0] for token in result]:
            wrong += 1
            if wrong <= 3:
                print(f"  {text!r}\n  expected {encoding.ids}\n"
                      f"  found    {[token[0] for token in result]}")
            continue
        offsets = byte_offsets(text)
        for (begin, end), (_, found_begin, found_end) in zip(
                encoding.offsets, result):
            begin, end = offsets[begin], offsets[end]
            if (begin, end) == (found_begin, found_end):
                continue
            if found_begin <= begin and end <= found_end:
                wider += 1
            else:
                other += 1
                if other <= 1:
                    print(f"  {text!r}\n  expected {begin}:{end}, found "
                          f"{found_begin}:{found_end}")
    return count, wrong, wider, other


def write_test_data(folder):
    """Small vocabularies, and texts with "id:begin:end" in bytes."""
    source = random.Random(7)
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        lines = file.readlines()
    words = sorted({word for line in lines for word in line.split()})
    texts = ["", " ", "Oak trees grow slowly.", "caf\u00e9 cafe\u0301 \ufdfa"]
    texts += [random_text(source, words) for _ in range(12)]
    with open(os.path.join(folder, "texts.json"), "w", encoding="utf-8") as file:
        json.dump(texts, file, indent=0)
    for kind in KINDS:
        tokenizer, trainer = kind()
        trainer.show_progress = False
        trainer.vocab_size = 400
        tokenizer.train_from_iterator(lines, trainer)
        tokenizer.add_tokens(ADDED)
        path = os.path.join(folder, kind.__name__)
        with open(path + ".json", "w", encoding="utf-8") as file:
            json.dump(json.loads(tokenizer.to_str()), file)
        with open(path + ".tokens", "w", encoding="utf-8") as file:
            for text in texts:
                encoding = tokenizer.encode(text, add_special_tokens=False)
                offsets = byte_offsets(text)
                print(*(f"{token}:{offsets[begin]}:{offsets[end]}"
                        for token, (begin, end) in zip(encoding.ids,
                                                       encoding.offsets)),
                      file=file)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build_folder")
    parser.add_argument("--texts", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--write", help="folder for the data of the test")
    parser.add_argument("--kind", help="only this one")
    arguments = parser.parse_args()
    if arguments.write:
        write_test_data(arguments.write)
        return 0
    print(f"seed {arguments.seed}")
    source = random.Random(arguments.seed)
    lines = list(corpus())
    words = sorted({word for line in lines for word in line.split()})
    texts = [random_text(source, words) for _ in range(arguments.texts)]
    texts += ["", " ", "\n", "".join(lines)[:200000]]
    program = os.path.join(arguments.build_folder, "tests/checks/tokenize_texts")
    failed = False
    print(f"{'kind':18} {'tokens':>8} {'other ids':>9} {'wider':>6} "
          f"{'elsewhere':>9}")
    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS + ([precompiled] if sentencepiece else []):
            if arguments.kind and kind.__name__ != arguments.kind:
                continue
            tokenizer, trainer = kind()
            trainer.show_progress = False
            tokenizer.train_from_iterator(lines, trainer)
            tokenizer.add_tokens(ADDED)
            path = os.path.join(folder, kind.__name__ + ".json")
            tokenizer.save(path)
            results = run_copse(program, path, texts)
            count, wrong, wider, other = compare(tokenizer, texts, results)
            print(f"{kind.__name__:18} {count:8} {wrong:9} {wider:6} "
                  f"{other:9}", flush=True)
            failed = failed or wrong > 0 or (other > 0 and
                                             kind.__name__ != "precompiled")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
