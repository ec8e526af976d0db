"""Commands on single customers, products, orders and payments, in currencies of no, two and three digits. For test_output.py."""
import contextlib
import fcntl
import json
import os
from concurrent.futures import ThreadPoolExecutor

from fixture import gridctl, run, wait_exit

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
CURRENCIES = {"EUR": "12.50", "JPY": "1250", "KWD": "1.250"}
ENDED = ("CONFIRMED", "CANCELLED")
SECONDS = 60


class Shop:
    def __init__(self, tap, programs, nodes):
        self.tap, self.programs, self.nodes = tap, programs, nodes
        self.products = nodes.path("shop-products.ndjson")

    def ctl(self, *arguments, text=None):
        return gridctl(self.programs, self.nodes, *arguments, text=text)

    def json(self, *arguments):
        code, out, error = self.ctl(*arguments, "-o", "json")
        assert code == 0, f"{arguments}: {code} {error}"
        return json.loads(out)

    def until(self, what, good):
        """Waits for what a command shows; what it showed last."""
        for _ in range(SECONDS * 10):
            shown = self.json(*what)
            if good(shown):
                return shown
            wait_exit(self.nodes.pid(1), 0.1)
        raise AssertionError(f"{what}: {shown}")

    def order(self, name, product, quantity=2):
        line = json.dumps({"orderId": name, "customerId": "c-1", "lines": [{"productId": product, "quantity": quantity}], "paymentMethod": "CREDIT_CARD"})
        code, out, error = self.ctl("order", "submit", "--file", "-", text=line + "\n")
        assert code == 0, out + error

    def books(self, ledger=None, products=None):
        return run([os.path.join(ROOT, "tools", "check_books"), "--ledger", ledger or self.nodes.ledger(), "--products", products or self.products,
                    "--gridctl", self.programs.path("gridctl"), "--endpoints", self.nodes.endpoints()])


@contextlib.contextmanager
def provider_away(nodes):
    """The payment provider answers no request: the file that it writes to is locked."""
    with open(nodes.ledger(), "a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def stock(shop):
    rows = [{"productId": f"p-{currency}", "sku": currency, "name": "Thing", "price": price, "currency": currency, "initialQuantity": 10}
            for currency, price in CURRENCIES.items()]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    optional = "\n" + json.dumps({"productId": "p-bare", "sku": "N", "name": "Thing", "price": "1.00", "currency": "EUR"}) + "\n" + \
        json.dumps({"sku": "M", "name": "Thing", "price": "1.00", "currency": "EUR", "initialQuantity": 4}) + "\n"
    with open(shop.products, "w", encoding="utf-8") as file:
        file.write(text + optional)
    shop.ctl("product", "create", "--file", shop.products)
    code, out, _ = shop.ctl("product", "replenish", "p-EUR", "5", "--reason", "delivery", "--idempotency-key", "d-1")
    shop.tap.check("a replenishment says what it added", (code, out) == (0, "5 added to p-EUR\n"), out)
    again = [shop.json("product", "replenish", "p-EUR", "5", "--reason", "delivery", "--idempotency-key", "d-1") for _ in range(2)]
    shop.tap.check("with the same key it is done once, and has the same answer", again[0] == again[1] and again[0]["idempotencyKey"] == "d-1" and "doneBefore" not in again[0] and
                   shop.json("event", "history", "product", "p-EUR")[-1]["eventId"] == again[0]["eventId"], str(again))
    shop.tap.check("and does not claim that it was not done before", all("doneBefore" not in each for each in again) and
                   shop.json("product", "replenish", "p-KWD", "1")["doneBefore"] is False, str(again))
    code, _, error = shop.ctl("product", "replenish", "p-EUR", "6", "--reason", "delivery", "--idempotency-key", "d-1")
    shop.tap.check("the same key for another quantity is refused", code == 1 and "IDEMPOTENCY_MISMATCH" in error, error)
    keys = {shop.json("product", "replenish", "p-EUR", "1")["idempotencyKey"] for _ in range(2)}
    shop.tap.check("without a key each is one of its own", len(keys) == 2 and shop.json("product", "get", "p-EUR")["quantityOnHand"] == 17, str(keys))
    event = shop.json("event", "history", "product", "p-EUR")[1]
    shop.tap.check("the reason is kept", event["eventType"] == "StockReplenished" and event["data"]["reason"] == "delivery", str(event))
    for wrong, code, message in ((("p-EUR", "0"), 2, "quantity: must be a whole number from 1 to 1000000000, not '0'"), (("p-EUR", "1.5"), 2, "not '1.5'"),
                                 (("p-none", "5"), 1, "PRODUCT_NOT_FOUND"), (("p-EUR", "1000000001"), 2, "from 1 to 1000000000, not '1000000001'")):
        shown = shop.ctl("product", "replenish", *wrong)
        shop.tap.check(f"replenish {' '.join(wrong)} is refused", shown[0] == code and message in shown[2], shown[2])


def updated_at_once(shop, rounds):
    """(updates that took back another one's field, updates that said so) after pairs of updates at the same time."""
    told = 0
    with ThreadPoolExecutor(4) as pool:
        for number in range(rounds):
            changes = [(field, f"{field} {number}.{turn}") for turn in range(2) for field in ("phone", "address")]
            ended = pool.map(lambda change: shop.ctl("customer", "update", "c-1", "--" + change[0], change[1]), changes)
            told += sum(code == 1 and "at the same time" in error for code, _, error in ended)
    bodies = [event["data"] for event in shop.json("event", "history", "account", "c-1")]
    took_back = sum(before["phone"] != after["phone"] and before["address"] != after["address"] for before, after in zip(bodies, bodies[1:]))
    return took_back, told


def customer(shop):
    shop.ctl("customer", "create", "--file", "-", text='{"customerId":"c-1","email":"a@b.c","name":"Ada","address":"1 Old Street","phone":"1"}\n')
    code, out, error = shop.ctl("customer", "update", "c-1", "--name", "Ada L", "--phone", "")
    shown = shop.json("customer", "get", "c-1")
    shop.tap.check("an update changes what it names and keeps the rest", (code, out) == (0, "c-1 updated\n") and
                   (shown["name"], shown["address"], shown.get("phone", "")) == ("Ada L", "1 Old Street", ""), f"{out} {error} {shown}")
    code, _, error = shop.ctl("customer", "update", "c-1")
    shop.tap.check("an update of nothing is wrong usage", code == 2 and "--name, --address or --phone" in error, error)
    code, _, error = shop.ctl("customer", "update", "c-2", "--name", "Bob")
    shop.tap.check("of nobody it fails", code == 1 and "c-2: not found" in error, error)
    code, _, error = shop.ctl("customer", "update", "c-1", "--name", "A")
    shop.tap.check("a name that is too short is refused with the range", code == 2 and "name: must have 2 to 100 characters, not 1" in error, error)
    took_back, told = updated_at_once(shop, 10)
    shop.tap.check("an update that takes back what came in between says so", took_back <= told, f"{took_back} {told}")
    code, out, error = shop.ctl("customer", "status", "c-1", "suspended", "--reason", "unpaid")
    shop.tap.check("a status is set", (code, out) == (0, "c-1 is suspended\n") and shop.json("customer", "get", "c-1")["status"] == "SUSPENDED", out + error)
    code, _, error = shop.ctl("customer", "status", "c-1", "gone")
    shop.tap.check("one that does not exist lists the right ones", code == 2 and "active, suspended or closed, not 'gone'" in error, error)
    code, _, error = shop.ctl("customer", "status", "c-2", "closed")
    shop.tap.check("nobody's status is refused", code == 1 and "CUSTOMER_NOT_FOUND" in error, error)
    shop.ctl("customer", "status", "c-1", "ACTIVE")


def orders(shop):
    for currency in CURRENCIES:
        shop.order(f"o-{currency}", f"p-{currency}")
    for currency in CURRENCIES:
        shop.until(("order", "get", f"o-{currency}"), lambda order: order["status"] in ENDED)
    saga = shop.until(("saga", "show", "o-EUR"), lambda saga: saga["status"] == "COMPLETED")
    shop.tap.check("a completed saga shows its lines as committed", [line["state"] for line in saga["lines"]] == ["COMMITTED"], str(saga))
    code, _, error = shop.ctl("order", "cancel", "o-EUR")
    shop.tap.check("an order that is confirmed is not cancelled", code == 1 and "INVALID_ORDER_STATE" in error and "CONFIRMED" in error, error)
    code, _, error = shop.ctl("order", "cancel", "o-none")
    shop.tap.check("nor is one that does not exist", code == 1 and "ORDER_NOT_FOUND" in error, error)
    with provider_away(shop.nodes):
        shop.order("o-late", "p-EUR", 3)
        shop.until(("saga", "show", "o-late"), lambda saga: saga["lines"][0]["state"] == "RESERVED" and saga["currentStep"] == 3)
        code, out, error = shop.ctl("order", "cancel", "o-late", "--reason", "ordered twice", "--by", "ada")
        shop.tap.check("one under way is", (code, out) == (0, "cancellation of o-late requested\n") and "gridctl order get o-late" in error, out + error)
        code, out, error = shop.ctl("order", "cancel", "o-late")
        shop.tap.check("asking again says that it was done", (code, out) == (0, "cancellation of o-late requested (was done before)\n"), out + error)
    order = shop.until(("order", "get", "o-late"), lambda order: order["status"] in ENDED)
    shop.tap.check("it ends cancelled, with reason and name", (order["status"], order["cancelReason"], order["cancelledBy"]) ==
                   ("CANCELLED", "cancelled: ordered twice", "ada"), str(order))
    code, _, error = shop.ctl("order", "cancel", "o-late")
    shop.tap.check("one that is cancelled is so already", code == 1 and error == "gridctl: order cancel: o-late: INVALID_ORDER_STATE: the order is CANCELLED already\n", error)
    saga = shop.json("saga", "show", "o-late")
    shop.tap.check("and its lines are released, not committed", [line["state"] for line in saga["lines"]] == ["RELEASED"], str(saga))


def refunds(shop):
    books = shop.books()
    shop.tap.check("the books are right in currencies of 0, 2 and 3 digits", books[0] == 0 and "2,750 JPY" in books[1] and "2.750 KWD" in books[1] and
                   "27.50 EUR" in books[1], books[1] + books[2])
    shown = shop.json("payment", "get", "o-KWD")
    shop.tap.check("a payment is found by its order", (shown["paymentId"], shown["status"], shown["amount"]) == ("o-KWD.p1", "CAPTURED", "2.750"), str(shown))
    for kind in ("payment", "saga"):
        code, out, error = shop.ctl("event", "history", kind, "o-KWD")
        shop.tap.check(f"so are the events of its {kind}", code == 0 and out.count("\n") > 1, out + error)
    code, out, error = shop.ctl("payment", "refund", "o-KWD", "--amount", "0.125", "--reason", "scratched", "--idempotency-key", "r-1")
    shop.tap.check("a part is refunded", (code, out) == (0, "refund of o-KWD.p1 requested\n"), out + error)
    shop.until(("payment", "get", "o-KWD.p1"), lambda payment: payment.get("refunded") == "0.125")
    code, out, _ = shop.ctl("payment", "refund", "o-KWD", "--amount", "0.125", "--reason", "scratched", "--idempotency-key", "r-1")
    shop.tap.check("with the same key once", code == 0 and shop.json("payment", "get", "o-KWD")["refunded"] == "0.125", out)
    shop.ctl("payment", "refund", "o-JPY")
    shown = shop.until(("payment", "get", "o-JPY"), lambda payment: payment["status"] == "REFUNDED")
    shop.tap.check("without an amount all is", shown["refunded"] == "2750", str(shown))
    for arguments, code, message in ((("o-JPY",), 1, "INVALID_PAYMENT_STATE"), (("o-EUR", "--amount", "27.51"), 1, "REFUND_TOO_LARGE"),
                                     (("o-EUR", "--amount", "1.005"), 2, "at most 2 digits behind the point, not '1.005'"),
                                     (("o-EUR", "--amount", "0"), 2, "amount: must be an amount from 0.01 to"), (("o-none",), 1, "o-none: payment o-none.p1: not found")):
        wrong = shop.ctl("payment", "refund", *arguments)
        shop.tap.check(f"refund {' '.join(arguments)} is refused", wrong[0] == code and message in wrong[2], wrong[2])
    books = shop.books()
    shop.tap.check("and the books know refunds by hand", books[0] == 0 and "0.125 KWD by hand" in books[1] and "2,750 JPY by hand" in books[1], books[1] + books[2])


def books_of_nothing(shop):
    """Files that the check of the books cannot read are no wrong books."""
    for what, files, named in (("a ledger that is not there", {"ledger": "/no/such/ledger"}, "/no/such/ledger: there is no such file"),
                               ("a folder as ledger", {"ledger": "/tmp"}, "/tmp: Is a directory"),
                               ("products that are not there", {"products": "/no/such/products"}, "/no/such/products: there is no such file")):
        code, out, error = shop.books(**files)
        shop.tap.check(f"check_books: {what} is exit 2 and named", code == 2 and named in error and "WRONG" not in out and "Traceback" not in error,
                       f"{code} {out} {error}")


def wrong_books(shop):
    """What the books must find: a ledger that says something else."""
    with open(shop.nodes.ledger(), encoding="utf-8") as file:
        entries = [json.loads(line) for line in file]
    refund = next(entry for entry in entries if entry["operation"] != "CHARGE" and entry["currency"] == "JPY")
    for name, changed, finding in (("a yen too much", {**refund, "amountMinor": refund["amountMinor"] + 1}, "got back more than was charged"),
                                   ("a refund that no person asked for", {**refund, "key": "o-JPY.s1.3.undo"}, "order o-JPY is confirmed over 2,750 JPY and paid nothing"),
                                   ("another currency", {**refund, "currency": "EUR"}, "order o-JPY")):
        path = shop.nodes.path("wrong.ndjson")
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(changed if entry is refund else entry) + "\n" for entry in entries)
        done = run([os.path.join(ROOT, "tools", "check_books"), "--ledger", path, "--gridctl", shop.programs.path("gridctl"), "--endpoints", shop.nodes.endpoints()])
        shop.tap.check(f"the books find {name}", done[0] == 1 and finding in done[1], done[1] + done[2])


def check(tap, programs, nodes):
    shop = Shop(tap, programs, nodes)
    for part in (stock, customer, orders, refunds, wrong_books, books_of_nothing):
        tap.attempt(part.__name__, lambda: part(shop))
