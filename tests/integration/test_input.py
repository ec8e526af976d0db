#!/usr/bin/env python3
"""What gridctl is given is never taken for something else: it does what was said, or says which line and field are wrong."""
import json
import sys

from fixture import Programs, Tap, cluster, gridctl, gridctl_json, run

PROGRAMS = Programs(sys.argv)


class Maps:
    """Commands of maps against the cluster, and what they leave behind."""

    def __init__(self, tap, nodes):
        self.tap, self.nodes = tap, nodes

    def run(self, *arguments, text=None):
        return gridctl(PROGRAMS, self.nodes, *arguments, text=text)

    def value(self, key, name, *more):
        code, out, _ = self.run("map", "get", key, "--map", name, *more)
        return out[:-1] if code == 0 else None

    def refused(self, what, name, text, *said):
        """A batch that writes nothing, and says these words."""
        code, out, error = self.run("map", "batch", "--map", name, "--affinity", "a", text=text)
        self.tap.check(what, code == 1 and out == "" and all(each in error for each in said), f"{code} {out} {error}")
        size = self.run("map", "size", "--map", name)[1]
        self.tap.check(what + ": nothing was written", size == "0\n", size)


def batches(tap, nodes):
    maps = Maps(tap, nodes)
    good = '{"op":"set","key":"first","value":"1"}\n'
    for what, line, *said in (
            ("a batch refuses expectedVersion on set", '{"op":"set","key":"x","value":"1","expectedVersion":7}', "line 2", "expectedVersion", "set"),
            ("and expectedValue on remove", '{"op":"remove","key":"x","expectedValue":"1"}', "line 2", "expectedValue", "remove"),
            ("ttl instead of ttlMs", '{"op":"set","key":"x","value":"1","ttl":50}', "line 2", "ttl:", "did you mean ttlMs?"),
            ("a version in quotes", '{"op":"cas","key":"x","value":"1","expectedVersion":"7"}', "line 2", "expectedVersion", "whole number"),
            ("a version with a fraction", '{"op":"cas","key":"x","value":"1","expectedVersion":1.5}', "line 2", "expectedVersion", "whole number"),
            ("a ttl in quotes without a unit", '{"op":"set","key":"x","value":"1","ttlMs":"50"}', "line 2", "ttlMs", "milliseconds"),
            ("a field that is given twice", '{"op":"set","key":"x","value":"1","value":"2"}', "line 2", "value", "twice"),
            ("a misspelt operation", '{"op":"remov","key":"x"}', "line 2", "op", "did you mean remove?"),
            ("a NUL byte", '\0{"op":"set","key":"x","value":"1"}', "line 2", "NUL"),
            ("what is no JSON", 'nonsense', "line 2", "not JSON")):
        maps.refused(what, "none", good + line + "\n" + good.replace("first", "last"), *said)
    maps.refused("every bad line is said", "none", good + 'x\n\n{"op":"set"}\n', "line 2", "line 4", "nothing was written")
    maps.refused("an entry twice is said with both lines", "none", good + "\n" + good, "line 3: the same entry as line 1", "nothing was written")
    maps.refused("so is another affinity", "none", good + good.replace("first", "last").replace("{", '{"affinity":"b",', 1),
                 "line 2: another affinity than line 1")
    maps.refused("an empty batch is refused", "none", "\n", "no operation")
    code, _, error = maps.run("map", "batch", "--map", "none", "--file", "/")
    tap.check("a folder is no batch", code == 1 and "directory" in error, error)
    code, out, error = maps.run("map", "batch", "--map", "batch", "--affinity", "a", text='{"op":"set","key":"n","value":110}\n'
                                '{"op":"set","key":"t","value":"t","ttlMs":"2h"}\n')
    tap.check("a number is a value", code == 0 and maps.value("n", "batch", "--affinity", "a") == "110", out + error)
    shown = gridctl_json(PROGRAMS, nodes, "map", "get", "t", "--map", "batch", "--affinity", "a")
    tap.check("a duration is a ttl", 7100000 < shown["ttlMs"] <= 7200000, str(shown))
    code, _, error = maps.run("map", "batch", "--map", "batch", "--affinity", "a", text='\n{"op":"set","key":"n","value":"1"}\n\n'
                              '{"op":"check-version","key":"t","expectedVersion":1}\n')
    tap.check("a condition that fails is named by its line", code == 1 and "line 4, operation 2: VERSION_CONFLICT" in error, error)


def loads(tap, nodes):
    maps = Maps(tap, nodes)
    values = {"price": "19.95", "long": "123456789012345678.9", "object": '{"a": [1,  2.50]}', "huge": "1e999", "null": "null"}
    text = "".join(f'{{"key":"{key}","value":{value}}}\n' for key, value in values.items())
    code, out, error = maps.run("map", "load", "--map", "load", "--file", "-", text=text)
    tap.check("a load stores JSON", code == 0, out + error)
    stored = {key: maps.value(key, "load") for key in values}
    tap.check("byte for byte as it was given", stored == values, str(stored))
    bad = ['{"key":"x","value":1,"ttl":50}', '{"key":"x","valu":1}', '{"key":"x","value":1,"key":"y"}', '{"key":"x","value":1}\0',
           '{"key":"x","value":1,"ttlMs":"50"}', '{"key":"x","value":1,"version":7}']
    code, out, error = maps.run("map", "load", "--map", "bad", "--file", "-", "-o", "json", text="\n".join(bad))
    errors = json.loads(out)["errors"]
    tap.check("a load refuses what it does not know", code == 1 and [each["line"] for each in errors] == [1, 2, 3, 4, 5, 6], out + error)
    for error, word in zip(errors, ("did you mean ttlMs?", "did you mean value?", "key: is given twice", "NUL", "ttlMs: must be", "version:")):
        tap.check(f"and says why: {word}", word in error["reason"], error["reason"])
    tap.check("and wrote none of it", maps.run("map", "size", "--map", "bad")[1] == "0\n")


CUSTOMER = '{"customerId":"c","email":"c@example.com","name":"Customer"}'
PRODUCT = '{"productId":"p","sku":"S","name":"Lamp","price":"12.50","currency":"EUR","initialQuantity":1000}'
ORDER = '{"customerId":"c","lines":[{"productId":"p","quantity":1}],"shippingAddress":"Main Street 1","paymentMethod":"CREDIT_CARD"}'


def create(nodes, group, command, text, *more):
    code, out, error = gridctl(PROGRAMS, nodes, group, command, "--file", "-", "-o", "json", *more, text=text)
    return code, json.loads(out) if out else error


def shop_fields(tap, nodes):
    for group, command, text in (("customer", "create", CUSTOMER), ("product", "create", PRODUCT)):
        code, shown = create(nodes, group, command, text)
        tap.check(f"a {group} is created", code == 0 and shown["accepted"] == 1, str(shown))
    for what, group, command, text, *said in (
            ("a product refuses quantityOnHand", "product", "create", PRODUCT.replace("initialQuantity", "quantityOnHand"), "quantityOnHand"),
            ("a product needs a currency", "product", "create", PRODUCT.replace('"currency":"EUR",', ""), "currency: is missing"),
            ("a misspelt shipping address is named", "order", "submit", ORDER.replace("shippingAddress", "shippingAdress"),
             "shippingAdress", "did you mean shippingAddress?"),
            ("a product's beginning has a range", "product", "create", PRODUCT.replace('"initialQuantity":1000', '"initialQuantity":1000000001'),
             "initialQuantity: must be a whole number from 0 to 1000000000"),
            ("a price has a range", "product", "create", PRODUCT.replace('"12.50"', "0"), "price: must be an amount from 0.01 to 92233720368547758.07 EUR"),
            ("a customer has a name", "customer", "create", CUSTOMER.replace('"Customer"', "null"), "name: must be text in quotes, not null"),
            ("a line's quantity has a range", "order", "submit", ORDER.replace('"quantity":1', '"quantity":1000000001'),
             "lines[0].quantity: must be a whole number from 1 to 1000000000"),
            ("a coupon is refused", "order", "submit", ORDER.replace('{"customerId"', '{"coupon":"X","customerId"'), "coupon"),
            ("a line's price is refused", "order", "submit", ORDER.replace('"quantity":1', '"quantity":1,"price":"1.00"'), "lines[0].price"),
            ("a mode that is not supported is refused", "order", "submit", ORDER.replace('{"customerId"', '{"mode":"ORCHESTRATED","customerId"'),
             "mode", "CHOREOGRAPHED")):
        code, shown = create(nodes, group, command, "\n" + text)
        errors = shown["errors"]
        tap.check(what, code == 1 and shown["rejected"] == 1 and errors[0]["line"] == 2 and all(each in errors[0]["reason"] for each in said), str(shown))
    product = PRODUCT.replace('"p"', '"dear"').replace('"12.50"', "92233720368547758.07")
    code, shown = create(nodes, "product", "create", product)
    stored = gridctl_json(PROGRAMS, nodes, "product", "get", "dear")
    tap.check("a price without quotes keeps its cents", code == 0 and stored["price"] == "92233720368547758.07", f"{shown} {stored}")


def order_ids(tap, nodes):
    code, first = create(nodes, "order", "submit", ORDER + "\n" + ORDER + "\n" + ORDER.replace("{", '{"orderId":"mine",', 1))
    ids = [each["id"] for each in first["ids"]]
    tap.check("ids that were made are printed with their lines", code == 0 and first["accepted"] == 3 and len(set(ids)) == 2 and
              [each["line"] for each in first["ids"]] == [1, 2], str(first))
    tap.check("and are the orders' ids", gridctl_json(PROGRAMS, nodes, "order", "get", ids[1])["orderId"] == ids[1])
    code, again = create(nodes, "order", "submit", ORDER + "\n" + ORDER.replace("{", '{"orderId":"mine",', 1))
    tap.check("the same lines tomorrow are already there", code == 0 and (again["accepted"], again["alreadyThere"]) == (0, 2) and
              again["ids"] == [{"line": 1, "id": ids[0], "alreadyThere": True}], str(again))
    code, out, _ = gridctl(PROGRAMS, nodes, "order", "submit", "--file", "-", text=ORDER)
    tap.check("people are told so, and what to do", code == 0 and f"line 1: {ids[0]} (already there)" in out and "--new-ids" in out and
              "0 accepted, 1 already there" in out, out)
    code, fresh = create(nodes, "order", "submit", ORDER + "\n" + ORDER, "--new-ids")
    tap.check("--new-ids places them anew", code == 0 and fresh["accepted"] == 2 and
              len({each["id"] for each in fresh["ids"]} | set(ids)) == 4, str(fresh))
    code, shown = create(nodes, "product", "create", PRODUCT.replace('"productId":"p",', ""))
    tap.check("products get ids as well", code == 0 and len(shown["ids"]) == 1, str(shown))


def command_line(tap, nodes):
    gridctl(PROGRAMS, nodes, "map", "config", "--map", "watched", "--journal", "on")
    for what, arguments, code, *said in (
            ("orders have no status SHIPPED", ("order", "list", "--status", "SHIPPED"), 2, "pending, confirmed or cancelled"),
            ("nor sagas CONFIRMED", ("saga", "list", "--status", "CONFIRMED"), 2, "in_progress", "compensated", "timed_out"),
            ("there is no 31st of February", ("journal", "tail", "--map", "watched", "--from", "2026-02-31T12:00:00Z"), 2, "2026-02-31"),
            ("nor a 25th hour", ("journal", "tail", "--map", "watched", "--from", "2026-02-01T25:61:00Z"), 2, "25:61"),
            ("nor a record 0", ("journal", "tail", "--map", "watched", "--from", "0"), 2, "from 1"),
            ("nor a partition 4", ("journal", "tail", "--map", "watched", "--partition", "4"), 2, "0 to 3"),
            ("and the largest number is not all of them", ("journal", "tail", "--map", "watched", "--partition", "4294967295"), 2, "--partition"),
            ("no kind of event", ("event", "history", "shipment", "x"), 2, "customer, product, order, payment, saga"),
            ("--expect without a change", ("map", "config", "--map", "watched", "--expect", "7"), 2, "--expect"),
            ("a level that was", ("level", "raise", "1"), 1, "already"),
            ("a version that no entry has", ("map", "remove", "k", "--if-version", "0"), 2, "--if-version"),
            ("a ttl of nothing", ("map", "set", "k", "v", "--ttl", "0s"), 2, "ttl"),
            ("a ttl that never ends by accident", ("map", "set", "k", "v", "--ttl", "18446744073709551615"), 2, "hundred years"),
            ("an endpoint with a scheme", ("map", "size", "-e", "http://127.0.0.1:7400"), 2, "without a scheme"),
            ("a folder of customers", ("customer", "create", "--file", "/"), 1, "/: Is a directory"),
            ("an option twice", ("map", "set", "k", "v", "--map", "a", "--map", "b"), 2, "--map is given twice")):
        status, out, error = run([PROGRAMS.path("gridctl"), *arguments, *(() if "-e" in arguments else ("-e", nodes.endpoints()))])
        tap.check(what, status == code and (out == "" or "0 customers" in out) and all(each in error for each in said), f"{status} {out} {error}")
    for kind, words in (("order", ("pending", "confirmed", "cancelled")), ("saga", ("started", "failed", "timed_out"))):
        shown = gridctl(PROGRAMS, nodes, kind, "list", "--help")[1]
        tap.check(f"the help of {kind} list shows the values that there are", all(word in shown for word in words) and "shipped" not in shown.lower(), shown)
    stored = gridctl_json(PROGRAMS, nodes, "map", "config", "--map", "watched", "--ttl", "2h", "--journal-age", "1d", "--timeout", "30s")
    tap.check("durations are understood", (stored["ttlMs"], stored["journal"]["ageMaxMs"]) == (7200000, 86400000), str(stored))
    gridctl(PROGRAMS, nodes, "map", "set", "k", "v", "--map", "lasting", "--ttl", "1h30m")
    gridctl(PROGRAMS, nodes, "map", "ttl", "k", "10m", "--map", "lasting")
    shown = gridctl_json(PROGRAMS, nodes, "map", "get", "k", "--map", "lasting")
    tap.check("also by set and ttl", 590000 < shown["ttlMs"] <= 600000, str(shown))


def main():
    tap = Tap()
    with cluster(PROGRAMS, nodes=1, partitions=4) as nodes:
        nodes.start(nodes.ids())
        nodes.wait_ready(nodes.ids())
        for part in (batches, loads, shop_fields, order_ids, command_line):
            part(tap, nodes)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
