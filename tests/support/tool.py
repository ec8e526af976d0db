"""Runs a script of tools/ inside the test: a process for each of a hundred small trees takes longer than what it checks."""
import contextlib
import importlib.machinery
import importlib.util
import io
import os
import sys
from types import SimpleNamespace


class Tool:
    def __init__(self, path):
        sys.path.insert(0, os.path.dirname(os.path.abspath(path)))  # for the modules that it imports
        loader = importlib.machinery.SourceFileLoader("tool_" + os.path.basename(path), path)
        self.module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
        dont_write, sys.dont_write_bytecode = sys.dont_write_bytecode, True
        loader.exec_module(self.module)
        sys.dont_write_bytecode = dont_write

    def __call__(self, *arguments):
        """What a process with these arguments would end with and print: returncode, stdout."""
        with contextlib.redirect_stdout(io.StringIO()) as out:
            status = self.module.main(list(arguments))
        return SimpleNamespace(returncode=status, stdout=out.getvalue())
