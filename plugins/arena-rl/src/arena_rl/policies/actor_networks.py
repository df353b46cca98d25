"""Networks of the policies and critics that are trained by rewards, from inputs to the latent before the last layer."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from arena_rl.inputs.actor_features import ActorInputs
from arena_rl.policies.actor_shapes import ActorShape, GnnShape, ResidualShape, TransformerShape


def make_body(shape: ActorShape, inputs: ActorInputs) -> tuple[nn.Module, int]:
    """A network from normalised inputs, (episodes, inputs), to a latent, and the latent's width.

    The latent of a residual policy has a row per supply link.

    Args:
        shape: kind and size.
        inputs: of the network it is made for.
    """
    points = len(inputs.reach.compiled.stock_points)
    if isinstance(shape, ResidualShape):
        return _Rows(inputs.row_size, shape.hidden), shape.hidden[-1]
    if isinstance(shape, TransformerShape):
        trunk: nn.Module = _Transformer(shape, inputs.token_size)
        return nn.Sequential(trunk, _mlp(shape.frames * points * shape.width, shape.hidden)), shape.hidden[-1]
    if isinstance(shape, GnnShape):
        trunk = _NetworkAttention(shape, inputs)
        return nn.Sequential(trunk, _mlp(points * shape.width, shape.hidden)), shape.hidden[-1]
    activation = nn.ReLU if shape.squashed else nn.Tanh
    return _mlp(inputs.everything_size, shape.hidden, activation), shape.hidden[-1]


def make_critic_body(shape: ActorShape, inputs: ActorInputs, size: int) -> tuple[nn.Module, int]:
    """A network for the value of a state: as the actor's, or, for a residual policy, a perceptron over all links."""
    if isinstance(shape, ResidualShape):
        return _mlp(size, shape.hidden), shape.hidden[-1]
    return make_body(shape, inputs)


def _mlp(inputs: int, hidden: tuple[int, ...], activation: type[nn.Module] = nn.Tanh) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in hidden:
        linear = nn.Linear(inputs, width)
        nn.init.orthogonal_(linear.weight, math.sqrt(2))
        nn.init.zeros_(linear.bias)
        layers += [linear, activation()]
        inputs = width
    return nn.Sequential(*layers)


class _Rows(nn.Module):
    """One perceptron for every row of the inputs."""

    def __init__(self, size: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.size = size
        self.layers = _mlp(size, hidden)

    def forward(self, inputs: Tensor) -> Tensor:
        latent: Tensor = self.layers(inputs.reshape(len(inputs), -1, self.size))
        return latent


class _Transformer(nn.Module):
    """Encoder over tokens of nodes and frames; which token stands for which is learnt."""

    def __init__(self, shape: TransformerShape, token_size: int) -> None:
        super().__init__()
        self.size = token_size
        self.frames = shape.frames
        self.embed = nn.Linear(token_size, shape.width)
        self.frame = nn.Parameter(0.02 * torch.randn(shape.frames, 1, shape.width))
        layer = nn.TransformerEncoderLayer(
            shape.width, shape.heads, shape.feedforward, dropout=0.0, batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, shape.layers, enable_nested_tensor=False)

    def forward(self, inputs: Tensor) -> Tensor:
        tokens = self.embed(inputs.reshape(len(inputs), self.frames, -1, self.size)) + self.frame
        latent: Tensor = self.encoder(tokens.flatten(1, 2))
        return latent.flatten(1)


class _NetworkAttention(nn.Module):
    """Rounds of attention from customers to factories, then back, each stock point hearing those it trades with."""

    def __init__(self, shape: GnnShape, inputs: ActorInputs) -> None:
        super().__init__()
        self.size = inputs.token_size
        self.embed = nn.Linear(self.size, shape.width)
        compiled, reach = inputs.reach.compiled, inputs.reach
        points = len(compiled.stock_points)
        edges = [(point, point, [0.0, 0.0, 1.0]) for point in range(points)]
        for source in compiled.sources:
            for point, _ in source.stocks:
                link = compiled.network.supply_links[source.link]
                edges.append((point, reach.buyer_points[source.link], [link.lead_time / 10, link.price, 0.0]))
        self.suppliers: Tensor
        self.buyers: Tensor
        self.register_buffer("suppliers", torch.tensor([supplier for supplier, _, _ in edges]), persistent=False)
        self.register_buffer("buyers", torch.tensor([buyer for _, buyer, _ in edges]), persistent=False)
        self.edges: Tensor
        self.register_buffer("edges", torch.tensor([numbers for _, _, numbers in edges]), persistent=False)
        # The suppliers hear first what their buyers need.
        self.up = nn.ModuleList(_EdgeAttention(shape.width, 3) for _ in range(shape.rounds))
        self.down = nn.ModuleList(_EdgeAttention(shape.width, 3) for _ in range(shape.rounds))

    def forward(self, inputs: Tensor) -> Tensor:
        points: Tensor = self.embed(inputs.reshape(len(inputs), -1, self.size))
        for layer in self.up:
            points = layer(points, self.buyers, self.suppliers, self.edges)
        for layer in self.down:
            points = layer(points, self.suppliers, self.buyers, self.edges)
        return points.flatten(1)


class _EdgeAttention(nn.Module):
    """Attention over the edges into a point, keys and values conditioned on the edge."""

    def __init__(self, width: int, edge_size: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.edge = nn.Linear(edge_size, 2 * width)
        self.out = nn.Sequential(nn.Linear(2 * width, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, points: Tensor, sources: Tensor, targets: Tensor, edges: Tensor) -> Tensor:
        normal = self.norm(points)
        keys, values = (self.key_value(normal).index_select(1, sources) + self.edge(edges)).chunk(2, dim=2)
        weights = (self.query(normal).index_select(1, targets) * keys).sum(2) / math.sqrt(points.shape[2])
        scores = weights.new_full((*points.shape[:2], points.shape[1]), -math.inf)
        scores[:, targets, sources] = weights
        spread = torch.softmax(scores, dim=2)
        shares = spread[:, targets, sources]
        heard = torch.zeros_like(points).index_add(1, targets, shares[:, :, None] * values)
        added: Tensor = self.out(torch.cat((normal, heard), dim=2))
        return points + added
