#!/usr/bin/env python3
"""Differential test of what gridctl reads: random lines, most of them a little wrong, must be refused or read exactly as a
strict reader on top of Python's json refuses or reads them.

usage: test_read_lines.py READ_LINES [SEED]
"""
import json
import os
import random
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), *[".."] * 4, "support"))
from tap import Tap  # noqa: E402

LINES = 2000
DEPTH_MAX, ORDER_LINES_MAX, TTL_MAX, INT_MAX = 256, 100, 100 * 366 * 24 * 3600 * 1000, (1 << 63) - 1
TTL_NONE = (1 << 64) - 1
QUANTITY_MAX = 1000000000
CHARACTERS = {"customer": {"name": (2, 100), "address": (0, 500), "phone": (0, 40)},
              "product": {"sku": (1, 50), "name": (2, 200), "description": (0, 1000), "category": (0, 100)}, "order": {"shippingAddress": (0, 500)}}


class Refused(Exception):
    pass


class Number(str):
    """A number as it was written."""


# ---- a strict reader


def refuse(*_):
    raise Refused


def members(pairs):
    if len({name for name, _ in pairs}) != len(pairs):
        raise Refused("a name twice")
    return dict(pairs)


def depth_of(value):
    depth, level = 0, [value]
    while level:
        containers = [each for each in level if isinstance(each, (dict, list))]
        depth += bool(containers)
        level = [child for each in containers for child in (each.values() if isinstance(each, dict) else each)]
    return depth


def strict(data):
    try:
        value = json.loads(data.decode("utf-8"), parse_int=Number, parse_float=Number, parse_constant=refuse, object_pairs_hook=members)
        json.dumps(value, ensure_ascii=False).encode("utf-8")  # a lone surrogate is no text
    except (ValueError, RecursionError) as error:
        raise Refused(str(error)) from error
    if depth_of(value) > DEPTH_MAX:
        raise Refused("too deep")
    return value


def strict_object(data, known):
    value = strict(data)
    if not isinstance(value, dict) or not set(value) <= set(known):
        raise Refused("no object, or a field that does not exist")
    return value


def is_text(value):
    return isinstance(value, str) and not isinstance(value, Number)


def whole(value, least, most):
    if not isinstance(value, Number) or not re.fullmatch("-?[0-9]+", value) or not least <= int(value) <= most:
        raise Refused(f"{value} is no whole number")
    return int(value)


# ---- what lines mean


def any_text(value, empty=True):
    if not is_text(value) or not (empty or value):
        raise Refused("no text")
    return value.encode()


def duration(text):
    found = re.fullmatch(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?", text, re.ASCII)
    if not found or not text:
        raise Refused("no duration")
    return sum(int(number or 0) * unit for number, unit in zip(found.groups(), (86400000, 3600000, 60000, 1000, 1)))


def ttl_of(value):
    if value == "none" and is_text(value):
        return TTL_NONE
    ttl = duration(value) if is_text(value) else whole(value, 1, INT_MAX)
    if not 1 <= ttl <= TTL_MAX:
        raise Refused("no ttl")
    return ttl


OPERATIONS = {  # name: number, fields that it must have, fields that it may have
    "set": (1, {"value"}, {"ttlMs"}), "put-if-absent": (5, {"value"}, {"ttlMs"}), "replace": (6, {"value"}, {"ttlMs"}),
    "replace-if-same": (7, {"value", "expectedValue"}, {"ttlMs"}), "cas": (3, {"value", "expectedVersion"}, {"ttlMs"}),
    "remove": (2, set(), set()), "remove-if-same": (8, {"expectedValue"}, set()),
    "remove-if-version": (9, {"expectedVersion"}, set()), "set-ttl": (11, {"ttlMs"}, set()),
    "check-version": (12, {"expectedVersion"}, set())}
LOAD_FIELDS = ("key", "value", "affinity", "ttlMs")
BATCH_FIELDS = ("op", "map", "key", "affinity", "value", "expectedValue", "expectedVersion", "ttlMs")


def operation(kind, line):
    if "key" not in line:
        raise Refused("no key")
    read = [("kind", str(kind)), ("version", "0"), ("ttl", "0"), ("key", any_text(line["key"], empty=False))]
    if "affinity" in line:
        read.append(("affinity", any_text(line["affinity"])))
    if "expectedVersion" in line:
        read[1] = ("version", str(whole(line["expectedVersion"], 1 if kind == 9 else 0, INT_MAX)))
    if "ttlMs" in line:
        read[2] = ("ttl", str(ttl_of(line["ttlMs"])))
    for name, field in (("value", "value"), ("expected", "expectedValue")):
        stored = line.get(field, "")
        read.append((name, stored.encode() if is_text(stored) else Raw(stored)))
    return read


def load(data):
    line = strict_object(data, LOAD_FIELDS)
    if "value" not in line:
        raise Refused("no value")
    return operation(1, line)


def batch(data):
    line = strict_object(data, BATCH_FIELDS)
    if not is_text(line.get("op")) or line["op"] not in OPERATIONS:
        raise Refused("no operation")
    kind, must, may = OPERATIONS[line["op"]]
    given = set(line) & {"value", "expectedValue", "expectedVersion", "ttlMs"}
    if not must <= given <= must | may:
        raise Refused("fields of another operation")
    read = operation(kind, line)
    if "map" in line:
        read.append(("map", business_text(line["map"], True)))
    return read


def business_text(value, required):
    """Optional texts may be null; none has a NUL."""
    if value is None and not required:
        return None
    text = any_text(value, empty=not required)
    if b"\0" in text:
        raise Refused("NUL")
    return text


def is_email(text):
    at, _, domain = text.partition(b"@")
    return (len(text) <= 254 and text.count(b"@") == 1 and at and not re.search(rb'[\x00-\x20\x7f,;:<>()\[\]\\"]', text) and b"." in domain and
            not domain.startswith(b".") and not domain.endswith(b".") and b".." not in domain[domain.rfind(b".") - 1:])


def within_bounds(kind, field, text):
    """What the services demand of a text."""
    if field in ("customerId", "productId", "orderId"):
        return 1 <= len(text) <= 240 and not re.search(rb"[\x00-\x1f\x7f]", text)
    if field == "email":
        return is_email(text)
    least, most = CHARACTERS[kind].get(field, (0, 1 << 32))
    return least <= len(text.decode()) <= most


def texts(kind, line, *fields):
    """(name, text) of fields that end with ? when they are optional, "=" when they are empty instead."""
    read = []
    for name, field in fields:
        plain = field.rstrip("?=")
        text = business_text(line.get(plain), plain == field)
        if text is not None and not within_bounds(kind, plain, text):
            raise Refused(f"{plain} is out of bounds")
        if text is not None or field.endswith("="):
            read.append((name, text or b""))
    return read


def customer(data):
    line = strict_object(data, ("customerId", "email", "name", "address", "phone"))
    return texts("customer", line, ("id", "customerId?"), ("email", "email"), ("name", "name"), ("address", "address="), ("phone", "phone="))


def price(value, currency):
    digits = {"JPY": 0, "KWD": 3}.get(currency, 2)
    found = re.fullmatch(r"([0-9]+)(?:\.([0-9]+))?", value) if isinstance(value, str) else None
    if not found or len(found[2] or "") > digits:
        raise Refused("no price")
    minor = int(found[1] + (found[2] or "").ljust(digits, "0"))
    if not 1 <= minor <= INT_MAX:
        raise Refused("no price")
    return minor


def product(data):
    line = strict_object(data, ("productId", "sku", "name", "description", "category", "price", "currency", "initialQuantity"))
    read = texts("product", line, ("id", "productId?"), ("sku", "sku"), ("name", "name"), ("description", "description="), ("currency", "currency"),
                 ("category", "category="))
    if not re.fullmatch("[A-Z]{3}", line["currency"]):
        raise Refused("no currency")
    minor = price(line.get("price"), line["currency"])
    quantity = whole(line["initialQuantity"], 0, QUANTITY_MAX) if "initialQuantity" in line else 0
    return [("price", str(minor)), ("quantity", str(quantity)), *read]


METHODS = ("CREDIT_CARD", "DEBIT_CARD", "BANK_TRANSFER", "DIGITAL_WALLET")


def order(data):
    line = strict_object(data, ("orderId", "customerId", "lines", "shippingAddress", "paymentMethod", "mode"))
    read = texts("order", line, ("id", "orderId?"), ("customer", "customerId"), ("address", "shippingAddress="))
    method, mode = business_text(line.get("paymentMethod"), True), business_text(line.get("mode"), False)
    if method.upper() not in [each.encode() for each in METHODS] or (mode is not None and mode.upper() != b"CHOREOGRAPHED"):
        raise Refused("no such word")
    rows = line.get("lines")
    if not isinstance(rows, list) or not 1 <= len(rows) <= ORDER_LINES_MAX:
        raise Refused("no lines")
    for row in rows:
        if not isinstance(row, dict) or not set(row) <= {"productId", "quantity"}:
            raise Refused("no line")
        read += texts("order", row, ("product", "productId"))
        read.append(("quantity", str(whole(row.get("quantity"), 1, QUANTITY_MAX))))
    number = [each.encode() for each in METHODS].index(method.upper()) + 1
    return [("method", str(number)), ("mode", "0" if mode is None else "1"), *read]


class Raw:
    """JSON that must have been kept as it was written: here only what it means is known."""

    def __init__(self, value):
        self.value = value

    def is_kept_in(self, given, line):
        return given in line and given == given.strip() and strict(given) == self.value


def anything(data):
    """The value itself, then the names, values and texts of what it holds."""
    value = strict(data)
    read = [("raw", Raw(value))] + ([("text", value.encode())] if is_text(value) else [])
    children = list(value.items()) if isinstance(value, dict) else [("", each) for each in value] if isinstance(value, list) else []
    for name, child in children:
        read += [("name", name.encode()), ("raw", Raw(child))] + ([("text", child.encode())] if is_text(child) else [])
    return read


# ---- lines that are a little wrong

WORDS = ["", "k", "a\u00e9", "none", "10s", "1h30m", "50", "0s", "\u0000", "x\u0000y", "\U0001f600", '"\\/\b\f\n\r\t', "EUR", "JPY", "KWD", "19.95",
         "123456789012345678.9", "-1", "set", "remove", "CREDIT_CARD", "debit_card", "CHOREOGRAPHED", "90ms", "1m1ms", "100d", "40000d"]
NUMBERS = ["0", "1", "7", "-1", "1.5", "110", "19.95", "1e3", "1E-2", "-0", "0.0", "9223372036854775807", "9223372036854775808",
           "123456789012345678.9", "1e999", "70368744177664.01", "3162240000000", "3162240000001", "12.345"]
PIECES = [b'"', b"\\", b"\\u0000", b"\\ud83d", b"\\ude00", b"\\ud83d\\ude00", b"{", b"}", b"[", b"]", b",", b":", b" ", b"\t", b"\r", b"\0", b"\x0b",
          b"\xff", b"\xc3", b"\xc3\xa9", b"\xed\xa0\x80", b"\xc0\x80", b"\xef\xbb\xbf", b"0", b"-", b"e", b".", b"1", b"null", b"NaN", b"true", b"//", b"'"]


def write_text(randoms, text):
    if randoms.random() < 0.7:
        return json.dumps(text, ensure_ascii=randoms.random() < 0.5)
    return '"' + "".join(f"\\u{unit:04X}" for unit in memoryview(text.encode("utf-16-le")).cast("H")) + '"'


def write_value(randoms, depth=0):
    choice = randoms.random()
    if choice < 0.35:
        return write_text(randoms, randoms.choice(WORDS))
    if choice < 0.7:
        return randoms.choice(NUMBERS)
    if choice < 0.8 or depth > 3:
        return randoms.choice(["null", "true", "false"])
    if choice < 0.9:
        return "[" + gap(randoms).join(["", ",".join(write_value(randoms, depth + 1) for _ in range(randoms.randrange(4))), ""]) + "]"
    return "{" + ",".join(write_text(randoms, randoms.choice(WORDS)) + ":" + gap(randoms) + write_value(randoms, depth + 1)
                          for _ in range(randoms.randrange(4))) + "}"


def gap(randoms):
    return randoms.choice(["", "", "", " ", "\t", "  "])


def write_object(randoms, fields):
    """fields: name -> a value that is right, or None for anything."""
    written = []
    for name, right in fields.items():
        optional = name.endswith("?")
        if (optional and randoms.random() < 0.5) or randoms.random() < 0.01:
            continue
        value = right if right is not None and randoms.random() < 0.96 else write_value(randoms)
        written.append((name.rstrip("?"), value))
    if randoms.random() < 0.05:
        written.append((randoms.choice(["ttl", "coupon", "price", "vlaue", "key", "quantityOnHand", "version", "Key"]), write_value(randoms)))
    if written and randoms.random() < 0.03:
        written.append(randoms.choice(written))
    randoms.shuffle(written)
    return "{" + ",".join(gap(randoms) + write_text(randoms, name) + gap(randoms) + ":" + gap(randoms) + value + gap(randoms)
                          for name, value in written) + "}"


def write_load(randoms):
    return write_object(randoms, {"key": write_text(randoms, randoms.choice(WORDS)), "value": None, "affinity?": '"a"', "ttlMs?": None})


def write_batch(randoms):
    name = randoms.choice(list(OPERATIONS))
    _, must, may = OPERATIONS[name]
    right = {"value": None, "expectedValue": None, "expectedVersion": "7", "ttlMs": randoms.choice(["50", '"10s"', '"none"'])}
    fields = {"op": json.dumps(name), "key": '"k"', "affinity?": '"a"', "map?": '"m"'}
    fields.update({field: right[field] for field in must})
    fields.update({field + "?": right[field] for field in may})
    if randoms.random() < 0.1:
        fields[randoms.choice(list(right))] = None
    return write_object(randoms, fields)


def write_customer(randoms):
    return write_object(randoms, {"customerId?": '"c"', "email": '"a@b.c"', "name": randoms.choice(['"Ann"'] * 9 + ['"\u00e9"', json.dumps("\u00e9" * 101)]), "address?": None, "phone?": None})


def write_product(randoms):
    return write_object(randoms, {"productId?": '"p"', "sku": '"s"', "name": randoms.choice(['"nn"'] * 9 + ['"n"', json.dumps("\u00e9" * 200), json.dumps("n" * 201)]), "description?": '""', "category?": '"c"',
                                  "price": randoms.choice(NUMBERS + ["19.95", "1.5", '"19.95"', '"1"'] * 6),
                                  "currency": json.dumps(randoms.choice(["EUR"] * 6 + ["JPY", "KWD", "eur"])), "initialQuantity?": randoms.choice(["5"] * 9 + ["1000000000", "1000000001"])})


def write_order(randoms):
    rows = [write_object(randoms, {"productId": '"p"', "quantity": randoms.choice(["1", "2"] * 9 + ["0", "1000000000", "1000000001"])}) for _ in range(randoms.choice((1, 1, 2)))]
    return write_object(randoms, {"orderId?": '"o"', "customerId": '"c"', "lines": "[" + ",".join(rows) + "]", "shippingAddress?": '"x"',
                                  "paymentMethod": json.dumps(randoms.choice(METHODS)), "mode?": '"CHOREOGRAPHED"'})


def spoil(randoms, line):
    """Up to three bytes or pieces taken away, put in or changed; most lines stay as they are."""
    if randoms.random() < 0.6:
        return line
    for _ in range(randoms.randrange(1, 4)):
        at = randoms.randrange(len(line) + 1)
        size = randoms.randrange(3)
        line = line[:at] + (randoms.choice(PIECES) if randoms.random() < 0.6 else b"") + line[at + size:]
    return line


# ---- the comparison


def expected_of(read, line):
    """What was read, or None."""
    try:
        return read(line)
    except Refused:
        return None


def given_of(words):
    return [tuple(word.split("=", 1)) for word in words]


def same(expected, given, line):
    if len(expected) != len(given):
        return False
    for (name, wanted), (given_name, text) in zip(expected, given):
        if name != given_name:
            return False
        if isinstance(wanted, str):
            good = wanted == text
        else:
            stored = bytes.fromhex(text)
            good = wanted.is_kept_in(stored, line) if isinstance(wanted, Raw) else wanted == stored
        if not good:
            return False
    return True


def compare(program, what, write, read, randoms):
    lines = [spoil(randoms, write(randoms).encode()) for _ in range(LINES)]
    text = b"\n".join(lines)
    numbered = []
    for number, line in enumerate(text.split(b"\n"), 1):
        if line.strip(b" \t\r"):
            numbered.append((number, line[:-1] if line.endswith(b"\r") else line))
    done = subprocess.run([program, what], input=text, capture_output=True, check=True, timeout=120)
    answers = [line.split(" ") for line in done.stdout.decode().splitlines()]
    if [int(answer[0]) for answer in answers] != [number for number, _ in numbered]:
        return False, "other lines were read"
    accepted = 0
    for (number, line), answer in zip(numbered, answers):
        expected = expected_of(read, line)
        if (answer[1] == "ok") != (expected is not None) or (expected is not None and not same(expected, given_of(answer[2:]), line)):
            reason = bytes.fromhex(answer[2].partition("=")[2]) if answer[1] == "refused" else b""
            return False, f"line {number}: {line!r}: expected {expected}, got {answer[1:]} {reason!r}"
        accepted += answer[1] == "ok"
    # A generator that only makes wrong lines, or right ones, would compare nothing.
    return len(numbered) // 10 < accepted < len(numbered) * 9 // 10, f"{accepted} of {len(numbered)} were right"


def main():
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 32)
    print(f"seed {seed}", file=sys.stderr)
    tap = Tap()
    for what, write, read in (("json", write_value, anything), ("load", write_load, load), ("batch", write_batch, batch),
                              ("customer", write_customer, customer), ("product", write_product, product), ("order", write_order, order)):
        tap.run(f"{LINES} lines of {what} are read as a strict parser reads them",
                lambda: compare(sys.argv[1], what, write, read, random.Random(f"{seed} {what}")))
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
