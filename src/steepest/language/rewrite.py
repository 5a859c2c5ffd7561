"""A formula rewritten, token by token: a parameter becomes an expression, several formulas become one.

No text is ever replaced inside another word.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from steepest.errors import FormulaError
from steepest.language.functions import polynomial, reserved
from steepest.language.names import printable
from steepest.language.parser import parse_expression
from steepest.language.tokens import Token, name_fault, tokenize

MAKERS = {"poly": 2, "dot": 0}  # functions, and which of their arguments is a word that makes parameters, counted from 0


def substituted(text: str, replacements: Mapping[str, str]) -> str:
    """The formula with names right of '~' replaced by expressions, all at once; the rest of the text stays as it is.

    A text without '~' is an expression, and replaced throughout. Functions and columns in back-quotes are never replaced.
    Raises FormulaError for a replacement that is no expression, and for a name that poly(…) or dot(…) makes.

    >>> substituted("y ~ a*exp(-b*x) + `b`", {"b": "2*a", "a": "c"})
    'y ~ c*exp(-(2*a)*x) + `b`'
    """
    tokens = tokenize(text)
    tilde = next((k for k, token in enumerate(tokens) if token.kind == "~"), -1)
    parts = {name: _held(name, replacement) for name, replacement in replacements.items()}
    made = _makers(tokens)
    written, end = [], 0
    for k, token in enumerate(tokens):
        if token.kind != "name" or k < tilde or tokens[k + 1].kind == "(":
            continue
        if k in made:
            _refuse_made(text, token, made[k], parts)
        elif token.text in parts:
            written += [text[end : token.position], parts[token.text]]
            end = token.position + len(token.text)
    return "".join([*written, text[end:]])


def choice(column: str, texts: Sequence[str], first: int = 1) -> str:
    """The expression that is the k-th of these where the column is k, counted from `first`: nested only log2 deep.

    >>> choice("run", ["a_1", "a_2", "a_3"])
    'where(run < 2, a_1, where(run < 3, a_2, a_3))'
    """
    if len(texts) == 1:
        return texts[0]
    half = len(texts) // 2
    low, high = choice(column, texts[:half], first), choice(column, texts[half:], first + half)
    return f"where({column} < {first + half}, {low}, {high})"


def composed(column: str, formulas: Sequence[str]) -> str:
    """The one formula that is the k-th of these in rows where the column is k.

    >>> composed("set", ["u ~ a*x", "v ~ b*x"]), composed("set", ["y ~ a*x", "y ~ b*x"])
    ('where(set < 2, u, v) ~ where(set < 2, a*x, b*x)', 'y ~ where(set < 2, a*x, b*x)')
    """
    places = [next(token.position for token in tokenize(text) if token.kind == "~") for text in formulas]
    left = [text[:place].strip() for text, place in zip(formulas, places, strict=True)]
    right = [text[place + 1 :].strip() for text, place in zip(formulas, places, strict=True)]
    return f"{left[0] if len(set(left)) == 1 else choice(column, left)} ~ {choice(column, right)}"


def repeated(text: str, functions: Collection[str], names: Mapping[str, Sequence[str]]) -> str:
    """Calls of these functions, once for each of the names that the first argument stands for, added up.

    >>> repeated("l2(w, 0.1) + b**2", ["l1", "l2"], {"w": ("w_1", "w_2")})
    '(l2(w_1, 0.1) + l2(w_2, 0.1)) + b**2'
    """
    tokens = tokenize(text)
    written, end = [], 0
    for k, token in enumerate(tokens[:-2]):
        who = tokens[k + 2]
        is_call = token.kind == "name" and token.text in functions and tokens[k + 1].kind == "(" and token.position >= end
        close = _closing(tokens, k + 1) if is_call and who.kind == "name" and names.get(who.text) else None
        if close is not None:
            rest = text[who.position + len(who.text) : close.position + 1]
            written += [text[end : token.position], f"({' + '.join(f'{token.text}({name}{rest}' for name in names[who.text])})"]
            end = close.position + 1
    return "".join([*written, text[end:]])


def separated(text: str) -> list[str]:
    """Formulas written in one text, with ';' between them.

    >>> separated("u ~ a*x; v ~ b*x")
    ['u ~ a*x', 'v ~ b*x']
    """
    places = [token.position for token in tokenize(text) if token.kind == ";"]
    return [text[first:end].strip() for first, end in zip([0, *(place + 1 for place in places)], [*places, len(text)], strict=True)]


def _held(name: str, replacement: str) -> str:
    """In parentheses, unless it is one word, one number or one call."""
    if fault := name_fault(name) or (not polynomial(name) and reserved(name)):
        raise FormulaError(f"'{printable(name)}' cannot be replaced: {fault}", name, 0)
    parse_expression(replacement)  # before it stands beside others: ') + (' must not get through
    tokens = tokenize(replacement)[:-1]
    depth = 0
    inside = []
    for token in tokens[1:]:
        depth += {"(": 1, ")": -1}.get(token.kind, 0)
        inside.append(depth > 0)
    is_whole = tokens[0].kind in ("name", "number", "quoted") and all(inside[:-1])
    return replacement.strip() if is_whole else f"({replacement.strip()})"


def _closing(tokens: list[Token], first: int) -> Token | None:
    """The parenthesis that closes the one at `first`."""
    depth = 0
    for token in tokens[first:]:
        depth += {"(": 1, ")": -1}.get(token.kind, 0)
        if depth == 0:
            return token
    return None


def _makers(tokens: list[Token]) -> dict[int, str]:
    """Places of the words that make parameters, as w in poly(x, 3, w), each with its function."""
    found: dict[int, str] = {}
    calls: list[tuple[str, int]] = []  # the calls and parentheses that are open, and the argument that is read
    for k, token in enumerate(tokens):
        if token.kind == "(":
            calls.append((tokens[k - 1].text if k and tokens[k - 1].kind == "name" else "", 0))
        elif token.kind == ")" and calls:
            calls.pop()
        elif token.kind == "," and calls:
            calls[-1] = (calls[-1][0], calls[-1][1] + 1)
        elif token.kind == "name" and calls and MAKERS.get(calls[-1][0]) == calls[-1][1]:
            found[k] = calls[-1][0]
    return found


def _refuse_made(text: str, token: Token, function: str, parts: Mapping[str, str]) -> None:
    for name in parts:
        number = name.removeprefix(token.text)
        if name == token.text or (function == "poly" and name != number and number.isdecimal()):
            raise FormulaError(
                f"'{name}' is made by {function}(…), and cannot be replaced: write its terms out", text, token.position
            )
