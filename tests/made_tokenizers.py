"""Tokenizers of the same make as those on the hub, with small vocabularies learned on the spot.

Each is a folder that `transformers.AutoTokenizer` loads. The vocabularies are not the real ones;
normalising, splitting, falling back to bytes, special tokens, padding and truncation are.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from strings import SCRIPTS
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

LINES = [*SCRIPTS.values(), *(f"a photo of {word}" for word in " ".join(SCRIPTS.values()).split())]
SIZE = 600
UNKNOWN = "<unk>"
BERT_NAMES = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")


def gemma(folder: Path) -> Path:
    """As SigLIP 2: byte pairs with a fallback to bytes, "▁" for spaces, an end and no beginning."""
    special = ["<pad>", "<eos>", "<bos>", "<unk>"]
    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN, byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE,
        special_tokens=[*special, *(f"<0x{byte:02X}>" for byte in range(256))],
        show_progress=False,
    )
    tokenizer.train_from_iterator(LINES, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A <eos>", special_tokens=[("<eos>", 1)]
    )
    names = {"pad_token": "<pad>", "eos_token": "<eos>", "bos_token": "<bos>", "unk_token": "<unk>"}
    return _saved(folder, tokenizer, names)


def t5(folder: Path) -> Path:
    """As the first SigLIP: a unigram model, an end and no beginning."""
    tokenizer = _unigram(["<pad>", "</s>", "<unk>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    return _saved(
        folder, tokenizer, {"pad_token": "</s>", "eos_token": "</s>", "unk_token": "<unk>"}
    )


def xlm_roberta(folder: Path, *, width: int = 32, layers: int = 2, heads: int = 2) -> Path:
    """As XLM-RoBERTa: a unigram model between <s> and </s>, with the text tower's configuration.

    768, 12 and 12 make the real tower but for its vocabulary.
    """
    tokenizer = _unigram(["<s>", "<pad>", "</s>", "<unk>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = {
        "bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>",
        "cls_token": "<s>", "sep_token": "</s>", "mask_token": "<mask>",
    }  # fmt: skip
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    saved = _saved(folder, tokenizer, names)
    config = {
        "model_type": "xlm-roberta", "vocab_size": tokenizer.get_vocab_size(), "hidden_size": width,
        "num_hidden_layers": layers, "num_attention_heads": heads, "intermediate_size": 4 * width,
        "max_position_embeddings": 514, "type_vocab_size": 1, "hidden_act": "gelu",
        "layer_norm_eps": 1e-5, "bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2,
        "architectures": ["XLMRobertaForMaskedLM"],
    }  # fmt: skip
    (saved / "config.json").write_text(json.dumps(config))
    return saved


def nllb(folder: Path) -> Path:
    """As NLLB: as XLM-R, with the language of the text where that has its beginning."""
    saved = xlm_roberta(folder)
    tokenizer = Tokenizer.from_file(str(saved / "tokenizer.json"))
    tokenizer.add_special_tokens(["eng_Latn", "fra_Latn"])
    tokenizer.save(str(saved / "tokenizer.json"))
    place = saved / "tokenizer_config.json"
    config = json.loads(place.read_text())
    place.write_text(
        json.dumps({**config, "tokenizer_class": "NllbTokenizerFast", "src_lang": "eng_Latn"})
    )
    return saved


def bert(folder: Path) -> Path:
    """As CLIPA's: word pieces in lower case between [CLS] and [SEP]."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token=special[1]))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=SIZE, special_tokens=special, show_progress=False
    )
    tokenizer.train_from_iterator(LINES, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = dict(zip(BERT_NAMES, special, strict=True))
    return _saved(folder, tokenizer, {**names, "bos_token": "[CLS]", "eos_token": "[SEP]"})


def _unigram(special: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=SIZE, special_tokens=special, unk_token=UNKNOWN, show_progress=False
    )
    tokenizer.train_from_iterator(LINES, trainer)
    return tokenizer


def _saved(folder: Path, tokenizer: Tokenizer, names: dict[str, str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    config: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 512, **names,
    }  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    (folder / "special_tokens_map.json").write_text(json.dumps(names))
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))
    return folder
