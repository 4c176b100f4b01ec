"""What the text of a formula may contain: the first fence before Python's own parser sees it."""

import keyword
import re
from collections.abc import Iterator, Mapping

MAXIMUM_LENGTH = 1000  # characters
MAXIMUM_NESTING = 30  # of parentheses and of signs in a row; ast.parse fails badly far above

TOKEN = re.compile(
    r"(?P<space>[ ]+)|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<symbol>\*\*|//|<<|>>|<=|>=|==|!=|:=|.)",
    re.ASCII,
)
ALLOWED_SYMBOLS = frozenset(["+", "-", "*", "/", "%", "**", "(", ")", ","])
COMPARISON = ("a comparison", "use step(x - a), which is 1 from a on and 0 before")
BITWISE = ("a bitwise operator", "use + - * / % **")
TEXT = ("a string", "use numbers, variables and functions only")
REFUSED_SYMBOLS: Mapping[str, tuple[str, str]] = {
    "^": ("^", "use ** for a power"),
    "//": ("//", "use floor(x / y)"),
    **dict.fromkeys(["<", ">", "<=", ">=", "==", "!="], COMPARISON),
    **dict.fromkeys(["&", "|", "~", "<<", ">>", "@"], BITWISE),
    **dict.fromkeys(["'", '"'], TEXT),
    ".": ("an attribute or a stray point", "use only the functions of the catalogue, as in sin(x)"),
    "[": ("a list, subscript or comprehension", "use ( ) to group and one name per variable, as in x1"),
    "{": ("a set, dictionary or comprehension", "use ( ) to group"),
    ":=": ("an assignment (:=)", "write the value where it is used"),
    "=": ("an assignment or keyword argument", "write the formula alone, without ="),
    "#": ("a comment", "leave it out"),
    "\\": ("a line continuation", "write the formula on one line"),
}
REFUSED_WORDS: Mapping[str, tuple[str, str]] = {
    "lambda": ("a lambda", "write the formula itself"),
    **dict.fromkeys(["for", "async", "await", "yield"], ("a comprehension or generator", "write out the terms")),
    **dict.fromkeys(["if", "else"], ("a conditional", "use step(x - a) to switch between values")),
    **dict.fromkeys(["is", "in"], COMPARISON),
    **dict.fromkeys(["and", "or", "not"], ("a logical operator", "use min, max and 1 - x of steps")),
    **dict.fromkeys(["True", "False", "None"], ("a Python constant", "use a number")),
}


class ExpressionError(ValueError):
    """A formula that cannot be used; `detail` says the remedy, `position` is the 0-based column or None."""

    def __init__(self, detail: str, position: int | None = None) -> None:
        self.detail = detail
        self.position = position
        super().__init__(detail if position is None else f"{detail} (column {position + 1})")


def check_text(text: str) -> None:
    """Let only names, decimal numbers and + - * / % ** ( ) , pass; raise ExpressionError otherwise."""
    if not isinstance(text, str):
        raise ExpressionError("the formula must be a string such as 'sin(2*pi*x)'")
    if len(text) > MAXIMUM_LENGTH:
        detail = f"the formula has {len(text)} characters: at most {MAXIMUM_LENGTH} are allowed"
        raise ExpressionError(detail, MAXIMUM_LENGTH)
    for position, character in enumerate(text):
        if not " " <= character <= "~":
            detail = f"the character {character!a} is not allowed: use plain ASCII on one line (pi, *, -, **2)"
            raise ExpressionError(detail, position)
    if not text.strip():
        raise ExpressionError("the formula is empty: write one such as sin(2*pi*x)", 0)
    depth = signs = 0
    for kind, token, position in _tokens(text):
        depth += (token == "(") - (token == ")")
        signs = signs + 1 if token in ("+", "-") else 0
        if depth > MAXIMUM_NESTING or signs > MAXIMUM_NESTING:
            what = "parentheses are nested" if depth > MAXIMUM_NESTING else "signs follow each other"
            raise ExpressionError(f"more than {MAXIMUM_NESTING} {what}: write it more simply", position)
        _check_token(kind, token, position)


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    """Yield (kind, token, position); refuse a number or string prefix that runs into its neighbour."""
    previous: re.Match[str] | None = None
    for match in TOKEN.finditer(text):
        kind, token, position = str(match.lastgroup), match[0], match.start()
        if previous and previous.lastgroup == "number" and kind == "name":
            detail = f"a number runs into {token[:20]!r}: write an operator between them, as in 2*x"
            raise ExpressionError(f"{detail}; numbers are decimal, as in 1000 or 2.5e-3", position)
        if previous and previous.lastgroup == "name" and token in ("'", '"'):
            prefix = "an f-string" if "f" in previous[0].lower() else TEXT[0]
            raise ExpressionError(f"{prefix} is not allowed: {TEXT[1]}", previous.start())
        if kind != "space":
            yield kind, token, position
        previous = match


def _check_token(kind: str, token: str, position: int) -> None:
    if kind == "name" and keyword.iskeyword(token):
        what, remedy = REFUSED_WORDS.get(token, (f"the Python keyword {token!r}", "write a formula only"))
    elif kind == "symbol" and token not in ALLOWED_SYMBOLS:
        what, remedy = REFUSED_SYMBOLS.get(token, (f"the symbol {token!r}", "use + - * / % ** ( ) ,"))
    else:
        return
    raise ExpressionError(f"{what} is not allowed: {remedy}", position)
