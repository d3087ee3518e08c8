"""Changes of the vocabulary: in padding, order, size and kind. The first two leave the function as it is."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace

import torch
from tokenizers import AddedToken, Tokenizer
from torch import Tensor
from transformers import PreTrainedModel

from zoo.models import Made
from zoo.tampering import check

Words = Callable[[], Tokenizer]
Change = Callable[[Made, int], Made]


def pad(rows: int) -> Change:
    """Zero rows below the embeddings, as people add for speed."""

    def change(made: Made, _: int) -> Made:
        before = copy.deepcopy(made.model)
        size = before.config.vocab_size
        made.model.resize_token_embeddings(size + rows, mean_resizing=False)
        for table in tables(made.model):
            table[size:] = 0
        check(before, made.model, "padding the vocabulary")
        return made

    return change


def permute(made: Made, seed: int) -> Made:
    """The tokens in another order, in tokenizer and embeddings."""
    before = copy.deepcopy(made.model)
    place = torch.randperm(before.config.vocab_size, generator=torch.Generator().manual_seed(seed))
    for table in tables(made.model):
        table[place] = table.clone()
    check(before, made.model, "permuting the vocabulary", place)
    content = json.loads(made.tokenizer.to_str())
    content["model"]["vocab"] = {
        token: int(place[i]) for token, i in content["model"]["vocab"].items()
    }
    return replace(made, tokenizer=Tokenizer.from_str(json.dumps(content)))


def extend(words: Words, count: int) -> Change:
    """More tokens, the first of another vocabulary that are new, with new embeddings."""

    def change(made: Made, seed: int) -> Made:
        torch.manual_seed(seed)
        made.tokenizer.add_tokens(new_words(made.tokenizer, words())[:count])
        made.model.resize_token_embeddings(made.tokenizer.get_vocab_size(), mean_resizing=False)
        return made

    return change


def new_words(known: Tokenizer, other: Tokenizer) -> list[AddedToken]:
    """What the other vocabulary has and the known one has not, the commonest first, as text."""
    ids = sorted(i for token, i in other.get_vocab().items() if token not in known.get_vocab())
    texts = (other.decode([i]) for i in ids)
    return [AddedToken(text, normalized=False) for text in texts if len(text.strip()) > 1]


def exchange(words: Words) -> Change:
    """Another vocabulary, every embedding drawn anew."""

    def change(made: Made, seed: int) -> Made:
        draw = torch.Generator().manual_seed(seed)
        tokenizer = words()
        made.model.resize_token_embeddings(tokenizer.get_vocab_size(), mean_resizing=False)
        for table in tables(made.model):
            table.copy_(table.std() * torch.randn(table.shape, generator=draw))
        return replace(made, tokenizer=tokenizer)

    return change


def tables(model: PreTrainedModel) -> list[Tensor]:
    """The embeddings and the head, once where they are tied."""
    found = [
        module.weight.data
        for module in (model.get_input_embeddings(), model.get_output_embeddings())
    ]
    return list({table.data_ptr(): table for table in found}.values())
