"""Names of architectures as configs, classes and GGUF files write them, brought to one."""

import re

CLASS = re.compile(
    r"(for)?(causallm|lmhead|conditionalgeneration|maskedlm|sequenceclassification"
    r"|tokenclassification|pretraining|questionanswering)?(model)?$"
)
"""What ends the name of a class, in small letters."""
PUNCTUATION = re.compile(r"[^a-z0-9]")
ALIASES = {
    # llama.cpp calls all of one build by its first
    "mistral": "llama",
    "mixtral": "llama",
    "rw": "falcon",
    "refinedweb": "falcon",
    "refinedwebmodel": "falcon",
    "starcoder": "gptbigcode",
    "commandr": "cohere",
    "stablelmepoch": "stablelm",
    "gptj": "gptj",
}
"""Types that stand for one build under several names."""


def type_of(name: str) -> str:
    """Return the type of models that a class or a type names, without case and punctuation.

    >>> type_of("Qwen2ForCausalLM"), type_of("gpt_neox"), type_of("MistralForCausalLM")
    ('qwen2', 'gptneox', 'llama')
    """
    plain = PUNCTUATION.sub("", name.casefold())
    stem = CLASS.sub("", plain) or plain
    return ALIASES.get(stem, stem)
