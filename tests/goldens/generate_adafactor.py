"""Writes adafactor/*.json: trajectories of the reference implementations of Adafactor, all in float64.

    pip install torch==2.13.0 transformers==5.18.0 optax==0.2.8 jax==0.10.2
    python generate_adafactor.py                  write all cases
    python generate_adafactor.py hf_momentum      write those whose names begin so
    python generate_adafactor.py --check [name]   write nothing; print how far they are from the files

A case is an implementation with arguments, on a parameter and gradients of closed form (FORMULA). A file has the parameter
after steps 1, 2, 5, 20 and 50, and the optimizer's state after step 50, as the implementation names it. Lists of eight and
more numbers are written as "f64:" and the base64 of float64 numbers, little endian.
"""

import base64
import json
import math
import os
import struct
import sys
from pathlib import Path

import numpy as np

os.environ["JAX_ENABLE_X64"] = "1"

FOLDER = Path(__file__).parent / "adafactor"
STEPS = 50
WRITTEN = (1, 2, 5, 20, 50)
FORMULA = (
    "n = prod(shape); k = 0..n-1 row-major; p0 = 0.05*sin(1+0.37*k); rows = 1 + floor(k/lastDim)%5; "
    "g_t = scale*cos(0.9*t + 0.61*k + 0.013*(k%97)^2)*(1+k/n)*rows/(1+t%3), t = 1..50; all float64"
)

# Vectors, single rows and columns, matrices, a stack of matrices; tiny and huge gradients.
INPUTS = [
    ([7], 0.01),
    ([9, 1], 0.01),
    ([1, 9], 0.01),
    ([5, 7], 1e-06),
    ([5, 7], 0.01),
    ([5, 7], 100.0),
    ([33, 65], 0.01),
    ([3, 4, 6], 0.01),
]
LARGE = ([96, 100], 0.01)

# Name, arguments, and whether the large matrix is among the inputs.
TRANSFORMERS = [
    ("hf_relative", {}, True),
    ("hf_warmup_init", {"warmup_init": True}, False),
    ("hf_clip_half", {"clip_threshold": 0.5}, False),
    ("hf_decay_-0.5", {"decay_rate": -0.5}, False),
    ("hf_external_lr", {"lr": 0.01, "relative_step": False, "scale_parameter": False}, False),
    (
        "hf_external_lr_scaled_wd",
        {"lr": 0.01, "relative_step": False, "scale_parameter": True, "weight_decay": 0.1},
        True,
    ),
    (
        "hf_momentum",
        {"lr": 0.01, "relative_step": False, "scale_parameter": False, "beta1": 0.9},
        False,
    ),
]
TORCH = [
    ("torch_default", {}, False),
    ("torch_eps_wd", {"lr": 0.01, "eps": [1e-08, 0.001], "weight_decay": 0.1}, False),
    ("torch_d_1.5_maximize", {"lr": 0.05, "d": 1.5, "maximize": True}, False),
]
OPTAX = [
    ("optax_lr", {"learning_rate": 0.01, "min_dim_size_to_factor": 1}, True),
    ("optax_min_dim_32", {"learning_rate": 0.01, "min_dim_size_to_factor": 32}, False),
    (
        "optax_unscaled",
        {"learning_rate": 0.01, "min_dim_size_to_factor": 1, "multiply_by_parameter_scale": False},
        False,
    ),
    (
        "optax_momentum",
        {
            "learning_rate": 0.01,
            "min_dim_size_to_factor": 1,
            "multiply_by_parameter_scale": False,
            "momentum": 0.9,
        },
        False,
    ),
    (
        "optax_wd",
        {"learning_rate": 0.01, "min_dim_size_to_factor": 1, "weight_decay_rate": 0.001},
        False,
    ),
]


def initial_parameter(shape):
    k = np.arange(math.prod(shape), dtype=np.float64)
    return (0.05 * np.sin(1 + 0.37 * k)).reshape(shape)


def gradient(step, shape, scale):
    n = math.prod(shape)
    k = np.arange(n, dtype=np.float64)
    rows = 1 + np.floor(k / shape[-1]) % 5
    wave = np.cos(0.9 * step + 0.61 * k + 0.013 * (k % 97) ** 2)
    return (scale * wave * (1 + k / n) * rows / (1 + step % 3)).reshape(shape)


def torch_trajectory(optimizer_of, arguments, shape, scale):
    """The parameter after each step, and the state, of an optimizer with torch's interface."""
    import torch

    torch.set_num_threads(1)
    parameter = torch.nn.Parameter(torch.from_numpy(initial_parameter(shape)))
    optimizer = optimizer_of([parameter], arguments)
    parameters = {}
    for step in range(1, STEPS + 1):
        parameter.grad = torch.from_numpy(gradient(step, shape, scale))
        optimizer.step()
        if step in WRITTEN:
            parameters[str(step)] = parameter.detach().flatten().tolist()
    state = {
        name: value.flatten().tolist() if torch.is_tensor(value) else value
        for name, value in optimizer.state[parameter].items()
        if value is not None
    }
    return parameters, state


def of_transformers(arguments, shape, scale):
    from transformers.optimization import Adafactor

    return torch_trajectory(lambda p, kwargs: Adafactor(p, **kwargs), arguments, shape, scale)


def of_torch(arguments, shape, scale):
    from torch.optim import Adafactor

    kwargs = {**arguments, "eps": tuple(arguments["eps"])} if "eps" in arguments else arguments
    return torch_trajectory(lambda p, _: Adafactor(p, **kwargs), arguments, shape, scale)


def of_optax(arguments, shape, scale):
    import jax
    import optax

    # Momentum is f32 by default, beside parameters of float64.
    optimizer = optax.adafactor(**arguments, dtype_momentum=jax.numpy.float64)
    parameter = jax.numpy.asarray(initial_parameter(shape))
    state = optimizer.init(parameter)
    parameters = {}
    for step in range(1, STEPS + 1):
        updates, state = optimizer.update(
            jax.numpy.asarray(gradient(step, shape, scale)), state, parameter
        )
        parameter = optax.apply_updates(parameter, updates)
        if step in WRITTEN:
            parameters[str(step)] = np.asarray(parameter).flatten().tolist()
    leaves = [np.asarray(leaf).flatten().tolist() for leaf in jax.tree_util.tree_leaves(state)]
    return parameters, {"leaves": leaves}


def origin_of(name):
    if name.startswith("hf_"):
        import torch
        import transformers

        versions = f"{transformers.__version__} transformers.optimization.Adafactor"
        return f"transformers {versions}, torch {plain(torch)}, float64 parameters"
    if name.startswith("torch_"):
        import torch

        return f"torch {plain(torch)} torch.optim.Adafactor, float64 parameters"
    import jax
    import optax

    return f"optax {optax.__version__} optax.adafactor, jax {jax.__version__}, x64"


def plain(module):
    """A version without what kind of build it is."""
    return module.__version__.split("+")[0]


def packed(value):
    if isinstance(value, dict):
        return {name: packed(each) for name, each in value.items()}
    if isinstance(value, list) and len(value) >= 8 and isinstance(value[0], float):
        return "f64:" + base64.b64encode(struct.pack(f"<{len(value)}d", *value)).decode()
    if isinstance(value, list) and any(isinstance(each, list) for each in value):
        return [packed(each) for each in value]
    return value


def unpacked(value):
    if isinstance(value, dict):
        return {name: unpacked(each) for name, each in value.items()}
    if isinstance(value, list):
        return [unpacked(each) for each in value]
    if isinstance(value, str) and value.startswith("f64:"):
        data = base64.b64decode(value[4:])
        return list(struct.unpack(f"<{len(data) // 8}d", data))
    return value


def text_of(golden):
    """JSON with a line for each number of steps and each part of the state."""
    lines = []
    for key, value in golden.items():
        if isinstance(value, dict) and key != "arguments":
            inner = ",\n".join(f"    {json.dumps(k)}: {json.dumps(packed(v))}" for k, v in value.items())
            lines.append(f"  {json.dumps(key)}: {{\n{inner}\n  }}")
        else:
            lines.append(f"  {json.dumps(key)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def difference(one, other):
    """The largest relative difference of two structures of numbers, of their largest number each."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), (one.keys(), other.keys())
        return max(difference(one[name], other[name]) for name in one)
    if isinstance(one, list) and any(isinstance(each, list) for each in one):
        assert len(one) == len(other)
        return max(map(difference, one, other))
    a, b = np.atleast_1d(np.asarray(one, np.float64)), np.atleast_1d(np.asarray(other, np.float64))
    assert a.shape == b.shape, (a.shape, b.shape)
    return float(np.max(np.abs(a - b)) / max(np.max(np.abs(b)), 1e-300)) if a.size else 0.0


def main():
    checks = "--check" in sys.argv
    prefix = next((each for each in sys.argv[1:] if not each.startswith("--")), "")
    FOLDER.mkdir(exist_ok=True)
    most = 0.0
    for cases, run in ((TRANSFORMERS, of_transformers), (TORCH, of_torch), (OPTAX, of_optax)):
        for case, arguments, is_large in cases:
            for shape, scale in [*INPUTS, *([LARGE] if is_large else [])]:
                name = f"{case}__{'x'.join(map(str, shape))}__{scale:g}"
                if not name.startswith(prefix):
                    continue
                parameters, state = run(arguments, shape, scale)
                golden = {
                    "case": case,
                    "origin": origin_of(case),
                    "arguments": arguments,
                    "shape": shape,
                    "gradientScale": scale,
                    "formula": FORMULA,
                    "parameterAfterStep": parameters,
                    "finalState": state,
                }
                path = FOLDER / f"{name}.json"
                if not checks:
                    path.write_text(text_of(golden))
                    continue
                stored = unpacked(json.loads(path.read_text()))
                for key in ("case", "arguments", "shape", "gradientScale", "formula"):
                    assert stored[key] == golden[key], (name, key)
                by = max(
                    difference(golden[key], stored[key])
                    for key in ("parameterAfterStep", "finalState")
                )
                note = "" if stored["origin"] == golden["origin"] else f"  (file: {stored['origin']})"
                print(f"{name}: {by:.2e}{note}")
                most = max(most, by)
    if checks:
        print(f"largest difference: {most:.2e} of the largest number")


if __name__ == "__main__":
    main()
