"""Who takes functions and objects from whom: the modules of the tree and the ties between them. Used by tools/layers.

A module is a source with its header (queue.c and queue.h; a header alone is one too). Module A takes from module B if a file of A
names, outside a declaration, a function, an object or a macro with arguments that a file of B defines and does not keep to itself.
Types, enumerators and constants tie nothing: they are shape, not calls. A call through a pointer ties nothing either: that is how a circle is undone.

The detector errs to one side. A local variable that has the name of another file's function counts as a use of it, so a tie can be
one too many and none is missed, but for names that a macro pastes together.
"""
import os
import re
from collections import defaultdict

TOKEN = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)
DIRECTIVE = re.compile(r"^[ \t]*#[ \t]*(\w+)((?:[^\n]*\\\n)*[^\n]*)", re.MULTILINE)
DEFINE = re.compile(r"\s*\w+(?:\([^)]*\))?")
LANGUAGE = re.compile(r'\bextern\s*""\s*\{')
TYPE = re.compile(r"\s*(?:(?:typedef|static|const)\s+)*(?:struct|union|enum)\b[^(=]*$")
WORD = re.compile(r"[A-Za-z_]\w*")
# Words after which a name is used, not declared.
KEYWORDS = {"return", "case", "else", "do", "sizeof", "goto"}
TAGS = {"struct", "union", "enum"}


def blank(text):
    return re.sub(r"[^\n]", " ", text)


def plain(text):
    """The code without comments, texts and directives; the bodies of macros stay, behind the rest."""
    code = TOKEN.sub(lambda match: '""' if match.group(0)[0] == '"' else blank(match.group(0)), text)
    macros = [match.group(2).replace("\\\n", " ") for match in DIRECTIVE.finditer(code) if match.group(1) == "define"]
    return LANGUAGE.sub("", DIRECTIVE.sub("", code)), macros


def pieces(code):
    """The text at file scope cut into (head, body): body is what stands between curly brackets, None for a statement without."""
    depth = start = opened = 0
    for match in re.finditer(r"[{};]", code):
        at, char = match.start(), match.group(0)
        if char == "{":
            if depth == 0:
                opened = at
            depth += 1
        elif char == "}":
            depth = max(depth - 1, 0)
            if depth == 0:
                yield code[start:opened], code[opened:at + 1]
                start = at + 1
        elif depth == 0:
            yield code[start:at], None
            start = at + 1


def without_attributes(head):
    return re.sub(r"__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)", " ", head)


def defined(head, body):
    """The name that this piece of file scope defines, and whether it is a function; None for declarations and types."""
    head = without_attributes(head).strip()
    if re.match(r"(typedef|extern)\b", head) and body is None:
        return None
    before_value = head.split("=")[0]
    if body is not None and "=" not in head:
        call = re.search(r"\b([A-Za-z_]\w*)\s*\(", head)
        return None if call is None else call.group(1)
    if "(" in before_value:
        return None
    found = re.search(r"\b([A-Za-z_]\w*)\s*(?:\[[^\]]*\]\s*)*$", before_value)
    if found is None or (body is None and "=" not in head and not re.match(r"(static|const)\b", head)):
        return None
    words = WORD.findall(before_value[:found.end(1)])
    return found.group(1) if len(words) >= 2 and words[-2] not in TAGS else None


def uses(code):
    """The names that this code uses: calls, and names that stand as values; not members, tags, labels or declared names."""
    for match in re.finditer(r"(?<![\w])([A-Za-z_]\w*)", code):
        name = match.group(1)
        before = code[max(0, match.start() - 80):match.start()].rstrip()
        if before.endswith((".", "->")) and not before.endswith("..."):
            continue
        word = re.search(r"([A-Za-z_]\w*)$", before)
        if word is not None and word.group(1) not in KEYWORDS:
            continue                      # a type in front of it: a tag or a declared name
        yield name


class Source:
    def __init__(self, path, text):
        self.path = path
        self.module = path[:path.rindex(".")]
        self.shared, self.own, self.used = set(), set(), set()
        code, macros = plain(text)
        for head, body in pieces(code):
            name = defined(head, body)
            if name is not None:
                is_own = path.endswith(".c") and re.search(r"\bstatic\b", head.split("=")[0]) is not None
                (self.own if is_own else self.shared).add(name)
            if body is not None and not TYPE.match(head):
                self.used.update(uses(body))
            if "=" in head:
                self.used.update(uses(head[head.index("="):]))
        for macro in macros:
            called = re.match(r"\s*(\w+)\(", macro)
            if called is not None and len(called.group(1)) > 1:      # X of lists is whatever its user defines
                (self.own if path.endswith(".c") else self.shared).add(called.group(1))
            self.used.update(uses(DEFINE.sub("", macro, count=1)))


def ties(sources):
    """{module: {other module: names}} of these sources."""
    owners = defaultdict(set)
    for source in sources:
        for name in source.shared:
            owners[name].add(source.module)
    found = defaultdict(lambda: defaultdict(set))
    for source in sources:
        found[source.module]
        for name in source.used - source.own - source.shared:
            for owner in nearest(source.module, owners.get(name, ())):
                if owner != source.module:
                    found[source.module][owner].add(name)
    return found


def nearest(module, owners):
    """Of several files that define a name (programs' mains, fakes), those of the same folder; else all."""
    folder = os.path.dirname(module)
    same = [owner for owner in owners if os.path.dirname(owner) == folder]
    return same or owners


def circles(graph):
    """The strongly connected components with more than one member, each sorted; Tarjan's algorithm without recursion."""
    index, low, stack, on_stack, found = {}, {}, [], set(), []
    for root in sorted(graph):
        if root in index:
            continue
        work = [(root, iter(sorted(graph[root])))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, rest = work[-1]
            for other in rest:
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    on_stack.add(other)
                    work.append((other, iter(sorted(graph.get(other, ())))))
                    break
                if other in on_stack:
                    low[node] = min(low[node], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    at = stack.index(node)
                    part, stack[at:] = stack[at:], []
                    on_stack.difference_update(part)
                    if len(part) > 1:
                        found.append(sorted(part))
    return sorted(found)


def within_folders(graph):
    """The graph without the ties that leave a folder."""
    return {module: {other: names for other, names in others.items() if os.path.dirname(other) == os.path.dirname(module)}
            for module, others in graph.items()}


def of_folders(graph):
    """The same ties between folders: {folder: {other folder: names}}."""
    found = defaultdict(lambda: defaultdict(set))
    for module, others in graph.items():
        for other, names in others.items():
            if os.path.dirname(module) != os.path.dirname(other):
                found[os.path.dirname(module)][os.path.dirname(other)].update(names)
    return found
