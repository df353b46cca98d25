"""Rows 8, 9, 12, 28 and 30: changing what is in this process. It is a copy; only bytes leave it."""

import ctypes
import os
import pickle
import time

import msgspec
import numpy as np
from attempt import HONEST, Attempt, any_works, works

import arena.contract.kpi as kpi
import arena.contract.orders as orders
import arena.play.match as match
import arena.play.seats.child as child
import arena.play.seats.translate as translate
import arena.play.seats.wire as wire
import arena.play.table as table


class PatchTheLibraries(Attempt):
    """Row 8: replace functions of numpy and of time, by which others might check or count."""

    def begin(self, briefing):
        super().begin(briefing)
        self.found = hasattr(np, "arena_patched")
        np.arena_patched = True
        np.isfinite = lambda values: np.ones(np.shape(values), bool)
        np.clip = lambda values, *bounds: values
        np.sum = lambda *values, **how: 1e9
        time.monotonic = time.perf_counter = time.time = lambda: 0.0

    def attempt(self, observation):
        return self.found


class PatchTheArena(Attempt):
    """Row 8: replace the arena's checks, its indicators and its match."""

    def begin(self, briefing):
        super().begin(briefing)
        orders.check_orders = table.check_orders = lambda values, bound, count: orders.CheckedOrders(values, 0)
        kpi.measure = match.measure = lambda ledger, scenario: {"profit": 1e9}
        match.play = None


class PatchTheTranslation(Attempt):
    """Row 8: replace what turns requests into observations, so that the next ones show more."""

    def begin(self, briefing):
        super().begin(briefing)
        honest = translate.rebuild_observation

        def rebuild(kind, fields):
            self.fields = dict(fields) if hasattr(fields, "keys") else fields
            return honest(kind, fields)

        translate.rebuild_observation = child.translate.rebuild_observation = rebuild

    def attempt(self, observation):
        words = repr(getattr(self, "fields", ""))
        return any(word in words for word in ("forecast", "realised", "entropy", "scenario"))


class ChangeTheObservation(Attempt):
    """Row 9: write into the arrays of the observation and of the briefing, in spite of their locks."""

    def attempt(self, observation):
        for name in observation.__dataclass_fields__:
            value = getattr(observation, name)
            if isinstance(value, np.ndarray) and value.size:
                works(lambda value=value: value.setflags(write=True))
                ctypes.memset(value.ctypes.data, 0x7F, value.nbytes)
            else:
                works(lambda name=name: object.__setattr__(observation, name, 1e9))
        works(lambda: object.__setattr__(self.briefing, "horizon", 1))
        return False


class AnswerByPickle(Attempt):
    """Row 12: answer what runs a command when it is loaded."""

    def order(self, observation):
        bomb = np.empty(self.links, dtype=object)
        bomb[:] = [_Bomb(self.facts["outside"])] * self.links
        return bomb


class SendAPickle(Attempt):
    """Row 12: send a pickle in place of a reply."""

    def order(self, observation):
        body = pickle.dumps(_Bomb(self.facts["outside"]))
        os.write(3, len(body).to_bytes(4, "little") + body)
        time.sleep(3600)


class LeaveAPickledModel(Attempt):
    """Row 12: leave files that somebody might load: an array of objects and a model, beside the own code."""

    def attempt(self, observation):
        folder = os.path.dirname(os.path.abspath(__file__))

        def leave(name):
            path = os.path.join(folder, name)
            with open(path, "wb") as file:
                pickle.dump(_Bomb(self.facts["outside"]), file)
            os.unlink(path)

        return any_works(model=lambda: leave("model.pkl"), array=lambda: leave("weights.npy"))


class ConstructUnchecked(Attempt):
    """Row 28: answer by a message that was made without its checks, and by a subclass that lies about its values."""

    def begin(self, briefing):
        super().begin(briefing)
        honest = child.OrderReply

        class Lying(honest):
            profit: float = 1e9

        child.OrderReply = Lying


class LieAboutTheLength(Attempt):
    """Row 28: answer by an array whose class lies about its length, its kind and its values."""

    def order(self, observation):
        class Lying(np.ndarray):
            shape = property(lambda self: (3,))
            dtype = property(lambda self: np.dtype(float))

            def ravel(self, *order):
                return self

            def tolist(self):
                return [HONEST] * 7

            def __len__(self):
                return 3

            def __array__(self, *arguments, **more):
                return np.ones(5)

        return np.ones(7).view(Lying)


class PatchTheEncoder(Attempt):
    """Row 28: replace the encoder, so that replies say more than the protocol knows."""

    def begin(self, briefing):
        super().begin(briefing)

        def pack(message):
            body = msgspec.msgpack.encode(
                ["orders", message.nonce, message.period, [self.links], [1.0] * self.links, 1e9]
            )
            return len(body).to_bytes(4, "little") + body

        self.pack = pack

    def order(self, observation):
        child.pack = wire.pack = self.pack
        return super().order(observation)


class AskForTheForecast(Attempt):
    """Row 30: a blind controller asks for what other tracks are told, under every name."""

    def attempt(self, observation):
        names = ("forecast", "mean_demand", "realised_demand", "demand", "entropy", "uniforms", "noise_scale", "replay")
        ways = {}
        for holder in (observation, self.briefing, type(observation), type(self.briefing)):
            for name in names:
                ways[f"{type(holder).__name__}.{name}"] = lambda holder=holder, name=name: (
                    getattr(holder, name) is not None and not callable(getattr(holder, name))
                )
        return any_works(**ways, replay=lambda: self.briefing.replay(np.zeros((3, self.links))))


class ProvokeAnError(Attempt):
    """Row 30: provoke errors of the arena's and read in their text what it knows."""

    def attempt(self, observation):
        texts = []
        for act in (
            lambda: translate.rebuild_observation("oracle", {}),
            lambda: translate.rebuild_briefing("oracle", {}),
            lambda: wire.unpack_request(b"\xc1"),
        ):
            try:
                act()
            except BaseException as error:
                texts.append(repr(error))
        return any(word in text for text in texts for word in ("realised_demand=", "entropy="))


class _Bomb:
    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return os.mkdir, (os.path.join(self.place, "loaded"),)
