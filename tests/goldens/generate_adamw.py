"""Writes adamw/*.json: trajectories of torch.optim.AdamW in float64, in the form of adafactor/*.json.

    pip install torch==2.13.0 numpy
    python generate_adamw.py                write all cases
    python generate_adamw.py adamw_bf16     write those whose names begin so
    python generate_adamw.py --check        write nothing; print how far they are from the files

The parameter and the gradients have the closed form of generate_adafactor.py. In the cases called adamw_bf16 each number of
both is rounded to bf16, as a parameter stored in 16 bits beside master weights begins, and as its gradients are.
"""

import json
import sys
from pathlib import Path

import torch

from generate_adafactor import (
    FORMULA,
    INPUTS,
    STEPS,
    WRITTEN,
    difference,
    gradient,
    initial_parameter,
    plain,
    text_of,
    unpacked,
)

FOLDER = Path(__file__).parent / "adamw"
CASES = [
    ("adamw_default", {}),
    (
        "adamw_betas_eps_wd",
        {"lr": 0.01, "betas": [0.8, 0.95], "eps": 1e-06, "weight_decay": 0.1},
    ),
    ("adamw_no_decay_maximize", {"lr": 0.005, "weight_decay": 0.0, "maximize": True}),
    ("adamw_bf16", {"lr": 0.0001, "weight_decay": 0.1}),
]
ROUNDED = "; both rounded to bf16"


def trajectory(arguments, shape, scale, rounds):
    torch.set_num_threads(1)

    def tensor(values):
        exact = torch.from_numpy(values)
        return exact.to(torch.bfloat16).to(torch.float64) if rounds else exact

    kwargs = {key: tuple(value) if isinstance(value, list) else value for key, value in arguments.items()}
    parameter = torch.nn.Parameter(tensor(initial_parameter(shape)))
    optimizer = torch.optim.AdamW([parameter], foreach=False, **kwargs)
    parameters = {}
    for step in range(1, STEPS + 1):
        parameter.grad = tensor(gradient(step, shape, scale))
        optimizer.step()
        if step in WRITTEN:
            parameters[str(step)] = parameter.detach().flatten().tolist()
    state = {name: value.flatten().tolist() for name, value in optimizer.state[parameter].items()}
    return parameters, state


def main():
    checks = "--check" in sys.argv
    prefix = next((each for each in sys.argv[1:] if not each.startswith("--")), "")
    FOLDER.mkdir(exist_ok=True)
    most = 0.0
    for case, arguments in CASES:
        rounds = case.startswith("adamw_bf16")
        for shape, scale in INPUTS:
            name = f"{case}__{'x'.join(map(str, shape))}__{scale:g}"
            if not name.startswith(prefix):
                continue
            parameters, state = trajectory(arguments, shape, scale, rounds)
            golden = {
                "case": case,
                "origin": f"torch {plain(torch)} torch.optim.AdamW, float64 parameters",
                "arguments": arguments,
                "shape": shape,
                "gradientScale": scale,
                "formula": FORMULA + (ROUNDED if rounds else ""),
                "parameterAfterStep": parameters,
                "finalState": state,
            }
            path = FOLDER / f"{name}.json"
            if not checks:
                path.write_text(text_of(golden))
                continue
            stored = unpacked(json.loads(path.read_text()))
            by = max(difference(golden[key], stored[key]) for key in ("parameterAfterStep", "finalState"))
            print(f"{name}: {by:.2e}")
            most = max(most, by)
    if checks:
        print(f"largest difference: {most:.2e} of the largest number")


if __name__ == "__main__":
    main()
