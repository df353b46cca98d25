"""The class of a submission's own code, as far as reading the code tells: nothing is run.

What cannot be told without running it is accepted here, and found when the controller is made.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from arena.entry.folder import FolderFile
from arena.errors import ABSENT, Fault, suggest


def check_class(files: Sequence[FolderFile], controller: str, config: Mapping[str, Any], source: str) -> list[Fault]:
    """Return what is wrong with `file.py:ClassName` and its keyword arguments.

    Args:
        files: the submission's files.
        controller: the manifest's `controller`.
        config: the manifest's `config`.
        source: the manifest, named in the faults.
    """
    name, class_name = controller.split(":")
    code = next((file.content for file in files if file.name == name), None)
    if code is None:
        known = [file.name for file in files if file.name.endswith(".py")]
        return [Fault(source, "controller", name, "is no file of the submission", suggest(name, known))]
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = f" in line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        return [Fault(source, "controller", name, f"is not valid Python{line}", "run it through python -m py_compile")]
    names = _top_level_names(tree)
    if names is not None and class_name not in names:
        return [Fault(source, "controller", class_name, f"is not defined in {name}", suggest(class_name, names))]
    arguments = None if names is None else _arguments(tree, class_name)
    return [] if arguments is None else _misfits(arguments, class_name, config, source)


def _top_level_names(tree: ast.Module) -> list[str] | None:
    """Return what a module binds at its top level, or None when that cannot be told without running it."""
    names: list[str] = []
    for statement in tree.body:
        if isinstance(statement, ast.ClassDef | ast.FunctionDef):
            names.append(statement.name)
        elif isinstance(statement, ast.ImportFrom):
            names.extend(alias.asname or alias.name for alias in statement.names)
        elif isinstance(statement, ast.Assign):
            names.extend(target.id for target in statement.targets if isinstance(target, ast.Name))
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            names.append(statement.target.id)
        elif not isinstance(statement, ast.Import | ast.Expr):
            return None  # A condition or a try may bind anything.
    return None if "*" in names else names


class _Arguments(NamedTuple):
    """Keyword arguments of a class.

    Attributes:
        names: of all of them.
        required: of those without a default.
    """

    names: tuple[str, ...]
    required: tuple[str, ...]


def _arguments(tree: ast.Module, class_name: str, heirs: frozenset[str] = frozenset()) -> _Arguments | None:
    """Return the keyword arguments of a class, or None when they cannot be told, or it takes any.

    Args:
        tree: the module.
        class_name: a class of it.
        heirs: classes that inherit from it and are looked at already.
    """
    written = [one for one in tree.body if isinstance(one, ast.ClassDef) and one.name == class_name]
    if len(written) != 1 or _is_touched(tree, class_name):
        return None
    (definition,) = written
    # A decorator, a metaclass or __new__ may make of the class whatever it likes.
    if definition.decorator_list or definition.keywords:
        return None
    methods: dict[str, ast.FunctionDef] = {}
    for statement in definition.body:
        if isinstance(statement, ast.FunctionDef):
            methods[statement.name] = statement
        elif not isinstance(statement, ast.AsyncFunctionDef | ast.AnnAssign | ast.Expr | ast.Pass) and not (
            isinstance(statement, ast.Assign) and all(_is_plain(target) for target in statement.targets)
        ):
            return None
    if "__new__" in methods:
        return None
    if "__init__" in methods:
        return _parameters(methods["__init__"])
    bases = [base.id if isinstance(base, ast.Name) else "" for base in definition.bases]
    if bases in ([], ["object"]):
        return _Arguments((), ())
    if len(bases) > 1 or bases[0] in heirs | {class_name}:
        return None
    return _arguments(tree, bases[0], heirs | {class_name})


def _is_touched(tree: ast.Module, class_name: str) -> bool:
    """Tell whether a statement of the module's own speaks of a class, and may thus change it, or bind its name anew."""
    own = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return any(
        isinstance(node, ast.Name) and node.id == class_name
        for statement in tree.body
        if not isinstance(statement, own)
        for node in ast.walk(statement)
    ) or any(
        (isinstance(statement, own[1:]) and statement.name == class_name)
        or (
            isinstance(statement, ast.Import | ast.ImportFrom)
            and any((alias.asname or alias.name) == class_name for alias in statement.names)
        )
        for statement in tree.body
    )


def _is_plain(target: ast.expr) -> bool:
    return isinstance(target, ast.Name) and target.id not in ("__init__", "__new__")


def _parameters(method: ast.FunctionDef) -> _Arguments | None:
    given = method.args
    if method.decorator_list or given.kwarg is not None or len(given.posonlyargs) > 1:
        return None
    ordered = [*given.posonlyargs, *given.args]
    if not ordered:
        return None
    without_default = [argument.arg for argument in ordered[: len(ordered) - len(given.defaults)]]
    named = [argument.arg for argument in ordered[1:]]
    by_keyword = {argument.arg: default for argument, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)}
    return _Arguments(
        (*named, *by_keyword),
        (*without_default[1:], *(name for name, default in by_keyword.items() if default is None)),
    )


def _misfits(arguments: _Arguments, class_name: str, config: Mapping[str, Any], source: str) -> list[Fault]:
    rule = f"is no argument of class {class_name}"
    none = f"remove it, or add it to the __init__ of {class_name}, which takes none"
    faults = [
        Fault(source, f"config.{name}", value, rule, suggest(name, arguments.names) if arguments.names else none)
        for name, value in config.items()
        if name.isidentifier() and name not in arguments.names
    ]
    needs = f"class {class_name} needs this argument, which has no default"
    faults += [
        Fault(source, f"config.{name}", ABSENT, needs, "give it a value under config")
        for name in arguments.required
        if name not in config
    ]
    return faults
