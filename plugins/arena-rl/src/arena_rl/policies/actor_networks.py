"""Sizes of the actors, and their networks: from features to the latent before the last layer."""

from __future__ import annotations

import math
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import BaseModel, Field
from torch import Tensor, nn

from arena_rl.inputs.actor_features import ActorFeatures

Width = Annotated[int, Field(ge=1, le=1024)]


class _ActorShape(BaseModel, frozen=True, extra="forbid"):
    informed: bool
    hidden: tuple[Width, ...] = Field(default=(256, 128), min_length=1, description="widths of the last layers but one")

    @property
    def frames(self) -> int:
        """Number of latest observations that the network reads."""
        return 1


class MlpShape(_ActorShape):
    """Multilayer perceptron on everything that the track shows."""

    kind: Literal["mlp"] = "mlp"
    squashed: bool = Field(default=False, description="actions end in a hyperbolic tangent, as soft actor-critic wants")


class GnnShape(_ActorShape):
    """Attention along the supply links of the network, conditioned on them: up the network, then down."""

    kind: Literal["gnn"] = "gnn"
    width: Width = 64
    rounds: int = Field(default=3, ge=1, le=8, description="layers in each direction")


class TransformerShape(_ActorShape):
    """Transformer encoder with one token per stock point and frame."""

    kind: Literal["transformer"] = "transformer"
    width: Width = 64
    layers: int = Field(default=3, ge=1, le=8)
    heads: int = Field(default=4, ge=1, le=16, description="divides the width")
    feedforward: int = Field(default=256, ge=1, le=4096)
    memory: int = Field(default=1, ge=1, le=16, description="latest observations that are read, as tokens of their own")

    @property
    def frames(self) -> int:
        """Number of latest observations that the network reads."""
        return self.memory


class ResidualShape(_ActorShape):
    """Perceptron shared by all supply links: the newsvendor's order times 1 + δ, δ bounded."""

    kind: Literal["residual"] = "residual"
    hidden: tuple[Width, ...] = Field(default=(64, 64), min_length=1, description="widths of the last layers but one")
    bound: float = Field(default=0.5, gt=0, le=1, description="largest |δ|")


ActorShape = MlpShape | GnnShape | TransformerShape | ResidualShape


class Body(NamedTuple):
    """Network from normalised features to a latent.

    Attributes:
        network: from features, (episodes, features), to a latent; that of a residual actor has a row per supply link.
        width: width of the latent.
    """

    network: nn.Module
    width: int


def make_body(shape: ActorShape, features: ActorFeatures) -> Body:
    """Make the network of an actor, without its last layer.

    Args:
        shape: kind and size.
        features: of the supply network that the actor is made for.
    """
    points, width = len(features.structure.compiled.stock_points), shape.hidden[-1]
    if isinstance(shape, ResidualShape):
        return Body(_Rows(features.link_row_size, shape.hidden), width)
    if isinstance(shape, TransformerShape):
        trunk: nn.Module = _Transformer(shape, features.token_size)
        return Body(nn.Sequential(trunk, _mlp(shape.frames * points * shape.width, shape.hidden)), width)
    if isinstance(shape, GnnShape):
        trunk = _NetworkAttention(shape, features)
        return Body(nn.Sequential(trunk, _mlp(points * shape.width, shape.hidden)), width)
    activation = nn.ReLU if shape.squashed else nn.Tanh
    return Body(_mlp(features.network_vector_size, shape.hidden, activation), width)


def make_critic_body(shape: ActorShape, features: ActorFeatures, input_size: int) -> Body:
    """Make the network of a critic: like the actor's, or, for a residual actor, a perceptron over all links."""
    if isinstance(shape, ResidualShape):
        return Body(_mlp(input_size, shape.hidden), shape.hidden[-1])
    return make_body(shape, features)


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
    """Perceptron that is applied to every row of the features."""

    def __init__(self, size: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.size = size
        self.layers = _mlp(size, hidden)

    def forward(self, inputs: Tensor) -> Tensor:
        latent: Tensor = self.layers(inputs.reshape(len(inputs), -1, self.size))
        return latent


class _Transformer(nn.Module):
    """Encoder over tokens of stock points and frames; an embedding per frame is learnt."""

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
    """Rounds of attention along the supply links, from customers up to factories, then down again."""

    def __init__(self, shape: GnnShape, features: ActorFeatures) -> None:
        super().__init__()
        self.size = features.token_size
        self.embed = nn.Linear(self.size, shape.width)
        compiled = features.structure.compiled
        points = len(compiled.stock_points)
        edges = [(point, point, [0.0, 0.0, 1.0]) for point in range(points)]
        for source in compiled.sources:
            for point, _ in source.stocks:
                link = compiled.network.supply_links[source.link]
                edges.append(
                    (point, compiled.network.receiving_points[source.link], [link.lead_time / 10, link.price, 0.0])
                )
        self.suppliers: Tensor
        self.buyers: Tensor
        self.register_buffer("suppliers", torch.tensor([supplier for supplier, _, _ in edges]), persistent=False)
        self.register_buffer("buyers", torch.tensor([buyer for _, buyer, _ in edges]), persistent=False)
        self.edges: Tensor
        self.register_buffer("edges", torch.tensor([numbers for _, _, numbers in edges]), persistent=False)
        # Needs travel up first: suppliers attend to their buyers.
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
    """Attention of a stock point over the edges into it, with keys and values conditioned on the edge."""

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
