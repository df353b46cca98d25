"""Arena: a competition for inventory controllers on multi-echelon supply networks.

Everything that people need who enter controllers, run contests, analyse results, train, or make worlds of their own is
importable from here::

    from arena import evaluate, load_submissions, read_results

The names stand in the stub beside this file and are loaded on first use, so that ``import arena`` itself costs next to
nothing and imports no numerical library: the command line, plugin discovery and the locked-down child processes of a
contest all start with it.
"""

import lazy_loader

_load_name, _, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["__version__"]


def __getattr__(name: str) -> object:
    """Load a public name from the module where it lives, and keep it."""
    if name == "__version__":
        from importlib.metadata import version

        value: object = version("inventory-arena")
    elif name in __all__:
        value = _load_name(name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
