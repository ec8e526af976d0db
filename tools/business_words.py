"""The core knows no business: which words of the shop stand in identifiers and texts of a source file. Used by tools/layers.

Identifiers are cut into words at `_` and at capitals (orderId, ORDER_ID, Order). Comments may say what they like. "order" has two
meanings: a sequence, which the core knows, and what a customer places, which it does not. The rule is the place of the word:

  in an identifier   `order` is a sequence as the last word behind one that says of what or which (byte_order, memory_order_relaxed,
                     standing_order, in_order), or in front of one that only a sequence has (order_by, order_of, ordered);
                     alone and with any other word it is the shop's (order, orders, order_id, new_order)
  in a text          it is a sequence in phrases (in order, out of order, same order, byte order, order by, order in which)
"""
import re

FOLDERS = ("grid/", "raft/", "client/", "proto/grid/")
SOURCES = (".c", ".h", ".proto")
WORDS = {
    "saga", "payment", "customer", "stock", "money", "refund", "invoice", "revenue", "currency", "inventory", "shop", "cart",
    "checkout", "purchase", "shipping", "sku", "ledger", "price", "product", "charge", "coupon",
}
PLURALS = {"currencies": "currency", "inventories": "inventory"}
ORDERED_BEFORE = {"byte", "memory", "sort", "lock", "hash", "key", "in", "of", "by", "standing", "reverse", "canonical", "total",
                  "log", "partial", "same", "any"}
ORDERED_AFTER = {"by", "of", "relaxed", "acquire", "release", "seq"}
PHRASES = re.compile(
    r"\b(in|out of|byte|sort|hash|key|log|reverse|same|canonical) order\b(?! (ids?|lines?|views?|forms?|totals?)\b)|\border (by|in which)\b",
    re.IGNORECASE)

TOKEN = re.compile(r"""
    (?P<comment>/\*.*?\*/|//[^\n]*)
  | (?P<include>^[ \t]*\#[ \t]*include[^\n]*|^[ \t]*import[ ][^\n]*)
  | (?P<text>"(?:\\.|[^"\\\n])*")
  | (?P<letter>'(?:\\.|[^'\\\n])*')
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
""", re.VERBOSE | re.DOTALL | re.MULTILINE)


def words_of(name):
    """orderId, ORDER_ID and order_id are the words order, id."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def singular(word):
    if word in PLURALS:
        return PLURALS[word]
    return word[:-1] if word.endswith("s") and word[:-1] in WORDS | {"order"} else word


def is_sequence(words, i):
    """Whether word number i of an identifier, which is "order", means a sequence."""
    before, after = words[i - 1] if i > 0 else "", words[i + 1] if i + 1 < len(words) else ""
    return after in ORDERED_AFTER or (after == "" and before in ORDERED_BEFORE)


def offences_in_name(name):
    words = words_of(name)
    for i, word in enumerate(words):
        if singular(word) in WORDS or word == "orders" or (word == "order" and not is_sequence(words, i)):
            yield word


def offences_in_text(text):
    said = re.sub(r"\\[a-z]|%[-+ #0-9.*]*(?:hh|h|ll|l|z|j|t)?[a-zA-Z]", " ", text)
    for match in re.finditer(r"[A-Za-z_]+", PHRASES.sub(" ", said)):
        for word in words_of(match.group(0)):
            if singular(word) in WORDS | {"order"}:
                yield word


def check(path, text):
    """Yields (line, rule) for every business word of a file in the core."""
    if not path.startswith(FOLDERS) or not path.endswith(SOURCES):
        return
    for match in TOKEN.finditer(text):
        kind = match.lastgroup
        found = offences_in_name(match.group(0)) if kind == "name" else offences_in_text(match.group(0)) if kind == "text" else ()
        for word in found:
            yield (text.count("\n", 0, match.start()) + 1,
                   f'the core knows no business: "{word}" in {match.group(0)[:60]}; say it in general words, or in services/')
