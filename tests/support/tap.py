"""Reports named checks as TAP, so that meson and ./tools/test count each of them."""
import sys
import traceback


class Tap:
    def __init__(self):
        self.lines = []
        self.failed = 0

    def check(self, name, good, note=""):
        """One result; `note` is shown when it is bad."""
        self.failed += not good
        self.lines.append(("ok" if good else "not ok") + " - " + name)
        if not good and note:
            print(f"{name}: {note}", file=sys.stderr)

    def run(self, name, function):
        """One result from a function that returns (good, note); an exception counts as bad."""
        try:
            self.check(name, *function())
        except Exception:  # any failure of one check must not hide the others
            self.check(name, False, traceback.format_exc())

    def attempt(self, name, function):
        """Runs a part that reports its own checks; only an exception counts, as a failed one."""
        try:
            function()
        except Exception:  # the other parts still run
            self.check(name, False, traceback.format_exc())

    def end(self):
        """Prints everything; a run without a single check is itself a failure. The status is for meson: TAP says the rest."""
        if not self.lines:
            self.check("has at least one check", False)
        print("TAP version 13")
        print(f"1..{len(self.lines)}")
        print("\n".join(self.lines))
        return 0
