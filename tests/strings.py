"""Strings that tokenizers disagree about."""

from __future__ import annotations

import random
import unicodedata

SCRIPTS = {
    "latin": "A dog, two cats & a horse's tail; naïve café Straße İstanbul ǅ ﬁne ſs K Å",
    "cyrillic": "Красная машина на снегу, ёлка и ЪЫЬ",
    "greek": "Ένας σκύλος στην παραλία, ΣΊΣΥΦΟΣ",
    "arabic": "كلب على الشاطئ ، ١٢٣ لا",
    "hebrew": "כלב על חוף הים שָׁלוֹם",
    "chinese": "海滩上的一只狗，红色的汽车。𠮷野家",
    "japanese": "浜辺の犬。ガギグ ｶﾞｷﾞ ゟ ー",
    "korean": "해변의 개 한 마리 각힣",
    "thai": "สุนัขบนชายหาด ๑๒๓",
    "devanagari": "समुद्र तट पर एक कुत्ता १२३ क्ष",
    "tamil": "கடற்கரையில் ஒரு நாய்",
    "emoji": "🐕 👨‍👩‍👧‍👦 🇩🇪🇫🇷 👍🏽 ❤️ 🏳️‍🌈 ☺ 1️⃣",
    "symbols": "∀x∈ℝ: ½ ² ⅷ € ™ … — “quoted” ‘s’ «g» ‹›",
    "marks": "e\u0301 a\u030a\u0323 Z\u0351\u036b\u0343 \u0301alone",
}
SPACES = [
    "  ",
    "\t",
    "\n",
    "\r\n",
    "\u00a0",
    "\u2009",
    "\u3000",
    "\u200b",
    "\ufeff",
    "\x0b",
    "\x85",
]
ODD = [
    "", " ", "   \n\t ", "\x00", "\x1b[31mred\x1b[0m", "a\x1cb\x1fc", "\u202eabc\u202c", "\u2028",
    "&amp;lt;b&amp;gt; &lt;dog&gt; &eacute; &#128054; &nbsp;", "sÃ¼Ã\x9f donâ€™t â€œqâ€\x9d",
    "<start_of_text>", "<end_of_text>", "a <start_of_text> b", "!!<start_of_text>", "<end_of_text>!",
    "<START_OF_TEXT> <End_Of_Text>", "x<end_of_text>y", "<<end_of_text>>", "<end_of_text", "<start",
    "<|endoftext|> <s> </s> <pad> <mask> <unk> <bos> <eos> [CLS] [SEP] [MASK] <extra_id_0>",
    "1234567890", "3.14159 1,000,000 10:30 16:9", "I'll I'LL don't DON'T we've WE'VE 'S 'ſ 'Ve",
    "under_score __init__ snake_case_name", "CamelCase ALLCAPS mIxEd", "https://a.example/b?c=d&e=f",
    "a" * 1_500, "dog " * 2_500, "🐕" * 500, "!" * 400, "é" * 300, "ab" * 500 + " end",
    "word" * 30, "\u0130\u0131 ẞß ŉ ǰ ΐ", "ﷺ ㎏ ㍿ ﬃ", "𝔸𝕓𝒸 𝟙𝟚", "\U0010ffff \ue000", "-", "--", "'", "''s",
]  # fmt: skip

# Every assigned character of the basic scripts and the emoji. Of those not assigned yet, libraries
# of different age think differently: what is a letter to one is a symbol to another.
CHARACTERS = [
    chr(code)
    for code in (*range(32, 0x2FFF), *range(0x1F300, 0x1FAFF))
    if unicodedata.category(chr(code)) != "Cn"
]


def hard_strings(count: int, seed: int = 0) -> list[str]:
    """Return `count` different strings, the same for the same seed: all of ODD, then mixtures."""
    choose = random.Random(seed)
    parts = [part for text in SCRIPTS.values() for part in text.split()]
    found = dict.fromkeys([*ODD, *SCRIPTS.values()])
    while len(found) < count:
        words = []
        for _ in range(choose.randint(1, choose.choice([3, 8, 40]))):
            kind = choose.random()
            if kind < 0.6:
                words.append(choose.choice(parts))
            elif kind < 0.75:
                words.append("".join(choose.choices("abcdefghijklmnopqrstuvwxyz'-", k=8)))
            elif kind < 0.85:
                words.append(choose.choice(ODD[:12] + ODD[20:30]))
            elif kind < 0.95:
                words.append(choose.choice(CHARACTERS))
            else:
                words.append(choose.choice(SPACES))
            words.append(choose.choice([" ", " ", " ", "", *SPACES]))
        found["".join(words)] = None
    return list(found)[:count]
