"""What PyTorch gives for a table of calls of ops: values, and the gradients of sum(y * weights). Writes ops/calls.json.

    python tests/goldens/generate_ops.py

Each line of the table names a function of src/nn/mod.ts, its arguments, and the same in PyTorch. PyTorch computes in float64. Operands
are multiples of 1/64 below 2, which f32, f16 and bf16 all hold exactly, so one result serves all three.
"""

import json
from pathlib import Path

import numpy
import torch
from torch.nn import functional as F

random = numpy.random.default_rng(5)
calls = []


class Tensor:
    """An operand: numbers of this shape, in a range where the function is smooth."""

    def __init__(self, *shape, kind="signed"):
        count = int(numpy.prod(shape))
        if kind == "signed":
            # All different where they can be, none 0, so that no maximum is ambiguous and none lies on a corner.
            pool = [k for k in range(-127, 128) if k % 8 != 0]
            chosen = random.permutation(pool)[:count] if count <= len(pool) else random.choice(pool, count)
        elif kind == "positive":
            chosen = random.integers(16, 128, count)
        elif kind == "fraction":
            chosen = random.integers(0, 65, count)
        elif kind == "ties":
            chosen = 32 * random.integers(-2, 3, count)
        else:
            raise ValueError(kind)
        self.values = (numpy.array(chosen) / 64).reshape(shape)

    def torch(self):
        return torch.tensor(self.values, dtype=torch.float64, requires_grad=True)

    def json(self):
        return {"shape": list(self.values.shape), "values": self.values.ravel().tolist()}


class Indices:
    """Indices below a limit."""

    def __init__(self, *shape, below):
        self.values = random.integers(0, below, shape)

    def torch(self):
        return torch.tensor(self.values)

    def json(self):
        return {"shape": list(self.values.shape), "indices": self.values.ravel().tolist()}


def call(op, arguments, reference, pick=None, gradients=True):
    """Adds a call. `reference` gets the tensors among the arguments, in order; lists are flattened."""
    flat = [each for argument in arguments for each in (argument if isinstance(argument, list) else [argument])]
    operands = [each.torch() for each in flat if isinstance(each, (Tensor, Indices))]
    y = reference(*operands)
    numbers = [operand for operand in operands if operand.is_floating_point()]
    case = {"op": op, "arguments": [encoded(argument) for argument in arguments]}
    if pick is not None:
        case["pick"] = pick
    case["shape"] = list(y.shape)
    case["y"] = rounded(y)
    if gradients and y.is_floating_point() and y.requires_grad:
        weights = torch.tensor(random.integers(-64, 65, tuple(y.shape)) / 32, dtype=torch.float64)
        found = torch.autograd.grad((y * weights).sum(), numbers, allow_unused=True)
        case["weights"] = weights.flatten().tolist()
        case["gradients"] = [
            rounded(torch.zeros_like(x) if dx is None else dx) for x, dx in zip(numbers, found)
        ]
    calls.append(case)


def encoded(argument):
    if isinstance(argument, (Tensor, Indices)):
        return argument.json()
    if isinstance(argument, list) and argument and isinstance(argument[0], Tensor):
        return {"tensors": [each.json() for each in argument]}
    if isinstance(argument, dict):
        return {"options": argument}
    return {"plain": argument}


def rounded(x):
    if not x.is_floating_point():
        return x.flatten().tolist()
    return [float(f"{value:.9g}") for value in x.detach().flatten().tolist()]


# Functions of single elements.
for op, kind, f in [
    ("neg", "signed", lambda x: -x),
    ("exp", "signed", torch.exp),
    ("log", "positive", torch.log),
    ("sqrt", "positive", torch.sqrt),
    ("rsqrt", "positive", torch.rsqrt),
    ("abs", "signed", torch.abs),
    ("sigmoid", "signed", torch.sigmoid),
    ("tanh", "signed", torch.tanh),
    ("softplus", "signed", F.softplus),
    ("relu", "signed", torch.relu),
    ("leakyRelu", "signed", F.leaky_relu),
    ("silu", "signed", F.silu),
    ("gelu", "signed", F.gelu),
    ("geluTanh", "signed", lambda x: F.gelu(x, approximate="tanh")),
]:
    for shape in [(3, 5), ()]:
        call(op, [Tensor(*shape, kind=kind)], f)
call("leakyRelu", [Tensor(7), {"slope": 0.25}], lambda x: F.leaky_relu(x, 0.25))
call("scale", [Tensor(7), -1.5], lambda x: -1.5 * x)
call("clamp", [Tensor(11), {"min": -0.5, "max": 1.0}], lambda x: torch.clamp(x, -0.5, 1.0))
call("clamp", [Tensor(11), {"min": -0.5}], lambda x: torch.clamp(x, min=-0.5))
call("clamp", [Tensor(11), {"max": 0.5}], lambda x: torch.clamp(x, max=0.5))

# Functions of two, broadcast.
BROADCASTS = [((3, 5), (3, 5)), ((3, 5), (5,)), ((3, 1), (1, 4)), ((2, 1, 3), (4, 1)), ((), (3,))]
for op, kinds, f in [
    ("add", ("signed", "signed"), torch.add),
    ("sub", ("signed", "signed"), torch.sub),
    ("mul", ("signed", "signed"), torch.mul),
    ("div", ("signed", "positive"), torch.div),
    ("pow", ("positive", "signed"), torch.pow),
    ("maximum", ("signed", "signed"), torch.maximum),
    ("minimum", ("signed", "signed"), torch.minimum),
]:
    for a, b in BROADCASTS:
        call(op, [Tensor(*a, kind=kinds[0]), Tensor(*b, kind=kinds[1])], f)
call("maximum", [Tensor(20, kind="ties"), Tensor(20, kind="ties")], torch.maximum)
call("minimum", [Tensor(20, kind="ties"), Tensor(20, kind="ties")], torch.minimum)
call("add", [Tensor(5), 1.5], lambda x: x + 1.5)
call("sub", [2, Tensor(5)], lambda x: 2 - x)
call("mul", [Tensor(5), -3], lambda x: x * -3)
call("div", [1, Tensor(5)], lambda x: 1 / x)
for exponent in [2, 3, -1, 0, 1]:
    call("pow", [Tensor(5), exponent], lambda x: x**exponent)
call("pow", [Tensor(5, kind="positive"), 0.5], lambda x: x**0.5)
call("pow", [2, Tensor(5)], lambda x: 2**x)
call("addBias", [Tensor(3, 5), Tensor(5)], torch.add)
for op, f in [
    ("equal", torch.eq),
    ("notEqual", torch.ne),
    ("greater", torch.gt),
    ("greaterEqual", torch.ge),
    ("less", torch.lt),
    ("lessEqual", torch.le),
]:
    call(op, [Tensor(3, 5, kind="ties"), Tensor(5, kind="ties")], lambda a, b: f(a, b).double())
call("where", [Tensor(3, 1, kind="ties"), Tensor(3, 2), Tensor(2)], lambda c, a, b: torch.where(c != 0, a, b))
call("where", [Tensor(7, kind="ties"), Tensor(7), 0], lambda c, a: torch.where(c != 0, a, torch.zeros_like(a)))

# Reductions.
def over(f, **options):
    return lambda x: f(x, **options)


for dim in [0, 1, -1, (0, 2)]:
    for keep in [False, True]:
        options = {"dim": list(dim) if isinstance(dim, tuple) else dim, "keepDims": keep}
        torchs = {"dim": dim, "keepdim": keep}
        call("sum", [Tensor(3, 4, 5), options], over(torch.sum, **torchs))
        call("mean", [Tensor(3, 4, 5), options], over(torch.mean, **torchs))
        call("logSumExp", [Tensor(3, 4, 5), options], over(torch.logsumexp, **torchs))
        call("max", [Tensor(3, 4, 5), options], over(torch.amax, **torchs))
        call("min", [Tensor(3, 4, 5), options], over(torch.amin, **torchs))
call("sum", [Tensor(3, 4)], torch.sum)
call("mean", [Tensor(3, 4)], torch.mean)
call("max", [Tensor(3, 4)], torch.max)
call("min", [Tensor(3, 4)], torch.min)
call("max", [Tensor(4, 9, kind="ties"), {"dim": 1}], lambda x: torch.max(x, 1).values)
call("logSumExp", [Tensor(3, 4)], lambda x: torch.logsumexp(x, (0, 1)))
for dim in [None, 0, 1, -1]:
    options = {} if dim is None else {"dim": dim}
    call("argmax", [Tensor(4, 7), options], lambda x: torch.argmax(x, dim))
    call("argmin", [Tensor(4, 7), options], lambda x: torch.argmin(x, dim))
call("argmax", [Tensor(4, 7), {"dim": 0, "keepDims": True}], lambda x: torch.argmax(x, 0, keepdim=True))
for dim in [0, 1, 2]:
    call("cumsum", [Tensor(2, 5, 3), {"dim": dim}], lambda x: torch.cumsum(x, dim))
    call("logSoftmax", [Tensor(2, 5, 3), {"dim": dim}], lambda x: F.log_softmax(x, dim))
call("softmax", [Tensor(3, 5)], lambda x: F.softmax(x, -1))

# Shapes and indices.
call("transpose", [Tensor(3, 4)], lambda x: x.transpose(-2, -1))
call("transpose", [Tensor(2, 3, 4), 0, 2], lambda x: x.transpose(0, 2))
call("permute", [Tensor(2, 3, 4), [2, 0, 1]], lambda x: x.permute(2, 0, 1))
call("permute", [Tensor(2, 3, 1, 2, 3), [4, 3, 2, 1, 0]], lambda x: x.permute(4, 3, 2, 1, 0))
call("reshape", [Tensor(2, 6), [3, 4]], lambda x: x.reshape(3, 4))
call("expand", [Tensor(3, 1), [2, 3, 4]], lambda x: x.expand(2, 3, 4))
call("repeat", [Tensor(3), 4], lambda x: x.expand(4, 3))
call("stack", [[Tensor(2, 3), Tensor(2, 3)]], lambda a, b: torch.stack([a, b]))
call("stack", [[Tensor(2, 3), Tensor(2, 3)], {"dim": -1}], lambda a, b: torch.stack([a, b], -1))
call("concat", [[Tensor(2, 3), Tensor(2, 1)], {"dim": 1}], lambda a, b: torch.cat([a, b], 1))
call("slice", [Tensor(4, 5), {"dim": 1, "begin": 1, "end": 4}], lambda x: x[:, 1:4])
call("split", [Tensor(2, 5), {"lengths": 2, "dim": 1}], lambda x: torch.split(x, 2, 1)[2], pick=2)
call("split", [Tensor(5, 2), {"lengths": [1, 4]}], lambda x: torch.split(x, [1, 4])[1], pick=1)
call("pad", [Tensor(2, 3), {"widths": [[1, 2]], "value": 0.5}], lambda x: F.pad(x, (1, 2), value=0.5))
call("pad", [Tensor(2, 2, 3), {"widths": [[0, 1], [2, 0]]}], lambda x: F.pad(x, (2, 0, 0, 1)))
for diagonal in [0, 1, -1]:
    call("tril", [Tensor(2, 3, 4), {"diagonal": diagonal}], lambda x: torch.tril(x, diagonal))
    call("triu", [Tensor(4, 3), {"diagonal": diagonal}], lambda x: torch.triu(x, diagonal))
call("gather", [Tensor(3, 5), Indices(3, 4, below=5)], lambda x, i: torch.gather(x, 1, i))
call("gather", [Tensor(3, 5), Indices(4, 5, below=3), {"dim": 0}], lambda x, i: torch.gather(x, 0, i))
call("gather", [Tensor(2, 4, 3), Indices(2, 6, 3, below=4), {"dim": 1}], lambda x, i: torch.gather(x, 1, i))
call("scatterAdd", [Tensor(3, 5), Indices(3, 7, below=5), Tensor(3, 7)], lambda x, i, s: x.scatter_add(1, i, s))
call(
    "scatterAdd",
    [Tensor(3, 5), Indices(6, 5, below=3), Tensor(6, 5), {"dim": 0}],
    lambda x, i, s: x.scatter_add(0, i, s),
)
call("indexSelect", [Tensor(4, 3), Indices(5, below=4)], lambda x, i: torch.index_select(x, 0, i))
call("indexAdd", [Tensor(4, 3), Indices(5, below=4), Tensor(5, 3)], lambda x, i, s: x.index_add(0, i, s))
call("embedding", [Tensor(5, 3), Indices(2, 4, below=5)], lambda table, i: F.embedding(i, table))
call("oneHot", [Indices(2, 3, below=4), {"numClasses": 4}], lambda i: F.one_hot(i, 4).double())
for dim, descending in [(-1, False), (-1, True), (0, False), (1, True)]:
    options = {"dim": dim, "descending": descending}
    for pick in ["values", "indices"]:
        call(
            "sort",
            [Tensor(5, 9), options],
            lambda x: getattr(torch.sort(x, dim=dim, descending=descending, stable=True), pick),
            pick=pick,
        )
call("sort", [Tensor(40, kind="ties")], lambda x: torch.sort(x, stable=True).indices, pick="indices")
call("topK", [Tensor(4, 9), {"count": 3}], lambda x: torch.topk(x, 3).values, pick="values")
call("topK", [Tensor(4, 9), {"count": 3}], lambda x: torch.topk(x, 3).indices, pick="indices")

# Products.
call("matmul", [Tensor(3, 4), Tensor(4, 5)], torch.matmul)
call("matmul", [Tensor(2, 3, 4), Tensor(4, 5), Tensor(5)], lambda a, b, c: torch.matmul(a, b) + c)
call("batchedMatmul", [Tensor(2, 3, 4), Tensor(2, 4, 5)], torch.bmm)
call("linear", [Tensor(3, 4), Tensor(5, 4), Tensor(5)], F.linear)
for equation, a, b in [
    ("ij,jk->ik", (3, 4), (4, 5)),
    ("ij,j->i", (3, 4), (4,)),
    ("i,j->ij", (3,), (4,)),
    ("i,i->", (5,), (5,)),
    ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
    ("bhqd,bhkd->bhqk", (2, 2, 3, 4), (2, 2, 5, 4)),
    ("bqhd,bkhd->bhqk", (2, 3, 2, 4), (2, 5, 2, 4)),
    ("ijk,kl->jil", (2, 3, 4), (4, 5)),
    ("ij,kl->il", (2, 3), (4, 5)),
    ("bi,bi->b", (3, 4), (3, 4)),
    ("ij,ij->ij", (3, 4), (3, 4)),
    (",i->i", (), (3,)),
]:
    call("einsum", [equation, Tensor(*a), Tensor(*b)], lambda x, y: torch.einsum(equation, x, y))

# Windows of images.
call("conv1d", [Tensor(2, 3, 7), Tensor(4, 3, 3), {"padding": 1}], lambda x, w: F.conv1d(x, w, padding=1))
call("conv2d", [Tensor(2, 2, 5, 4), Tensor(3, 2, 3, 2), {"stride": 2}], lambda x, w: F.conv2d(x, w, stride=2))
for size, stride, padding in [(2, 2, 0), (3, 1, 1), (3, 2, 1)]:
    options = {"size": size, "stride": stride, "padding": padding}
    call("avgPool1d", [Tensor(2, 2, 9), options], lambda x: F.avg_pool1d(x, size, stride, padding))
    call("maxPool1d", [Tensor(2, 2, 9), options], lambda x: F.max_pool1d(x, size, stride, padding))
    call("avgPool2d", [Tensor(1, 2, 6, 5), options], lambda x: F.avg_pool2d(x, size, stride, padding))
    call("maxPool2d", [Tensor(1, 2, 6, 5), options], lambda x: F.max_pool2d(x, size, stride, padding))
call("avgPool2d", [Tensor(1, 2, 6, 5), {"size": [3, 2]}], lambda x: F.avg_pool2d(x, (3, 2)))
call("maxPool2d", [Tensor(1, 2, 6, 5), {"size": [2, 3]}], lambda x: F.max_pool2d(x, (2, 3)))

# Losses.
for reduction in ["mean", "sum", "none"]:
    options = {"reduction": reduction}
    call("mseLoss", [Tensor(3, 5), Tensor(3, 5), options], lambda x, t: F.mse_loss(x, t, reduction=reduction))
    call(
        "smoothL1",
        [Tensor(3, 5), Tensor(3, 5), {"beta": 0.75, **options}],
        lambda x, t: F.smooth_l1_loss(x, t, reduction=reduction, beta=0.75),
    )
    call(
        "bceWithLogits",
        [Tensor(3, 5), Tensor(3, 5, kind="fraction"), options],
        lambda x, t: F.binary_cross_entropy_with_logits(x, t, reduction=reduction),
    )
    call(
        "nllLoss",
        [Tensor(4, 5), Indices(4, below=5), options],
        lambda x, t: F.nll_loss(x, t, reduction=reduction),
    )
call("smoothL1", [Tensor(9), Tensor(9), {"beta": 0}], lambda x, t: F.smooth_l1_loss(x, t, beta=0.0))
call("nllLoss", [Tensor(6, 3), Indices(6, below=3), {"ignored": 1}], lambda x, t: F.nll_loss(x, t, ignore_index=1))
call("crossEntropy", [Tensor(4, 5), Indices(4, below=5)], F.cross_entropy)
call(
    "crossEntropy",
    [Tensor(4, 5), Indices(4, below=5), {"labelSmoothing": 0.1}],
    lambda x, t: F.cross_entropy(x, t, label_smoothing=0.1),
)
call(
    "crossEntropy",
    [Tensor(6, 3), Indices(6, below=3), {"labelSmoothing": 0.25, "ignored": 2}],
    lambda x, t: F.cross_entropy(x, t, label_smoothing=0.25, ignore_index=2),
)

lines = ",\n".join(json.dumps(each, separators=(",", ":")) for each in calls)
path = Path(__file__).parent / "ops" / "calls.json"
path.write_text(f"[\n{lines}\n]\n")
print(f"{len(calls)} calls of {len({each['op'] for each in calls})} functions, {path.stat().st_size} bytes")
