"""Writes models/*/expected.safetensors and sensitivity.json: what transformers computes with tiny models.

    pip install torch==2.13.0 transformers==5.18.0 safetensors==0.8.0
    python generate_models.py --check [family ...]   write nothing; print how far transformers is from the files
    python generate_models.py [family ...]           compute expected.safetensors again
    python generate_models.py --greedy family        write greedy.json: what the model continues its inputs with
    python generate_models.py --draw family          make weights and inputs for a folder that has a config.json alone,
                                                     then expected.safetensors and sensitivity.json

A folder's config.json and model.safetensors, and the input.* of its expected.safetensors, define the case; all else follows
from them. All is float32 on one thread, in train mode without dropout, with eager attention. Each setting of Adafactor starts
from the initial weights and repeats the same batch for five steps.
"""

import json
import sys
import tempfile
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss
from transformers.optimization import Adafactor

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
torch.set_num_threads(1)

FOLDER = Path(__file__).parent / "models"
STEPS = 5
SETTINGS = {
    "relative": {
        "lr": None,
        "scale_parameter": True,
        "relative_step": True,
        "warmup_init": False,
    },
    "external": {
        "lr": 0.001,
        "scale_parameter": False,
        "relative_step": False,
        "beta1": None,
        "weight_decay": 0.01,
        "clip_threshold": 1.0,
    },
}
# Elements of a vector's gradient that are smaller than this part of its largest one are rounding errors.
NOISE = 1e-5
# Trained weights that move further than this when the initial ones move by a rounding error cannot be compared.
UNSTABLE = 1e-5
TRIES = 4


def model_of(folder):
    """The model with the weights of its file, in train mode: its config has no dropout."""
    config = transformers.AutoConfig.from_pretrained(folder)
    architecture = getattr(transformers, config.architectures[0])
    # Falcon's eager attention adds ALiBi twice: to the scores, and to the mask that it adds to them.
    attention = "sdpa" if getattr(config, "alibi", False) else "eager"
    model = architecture.from_pretrained(
        folder, dtype=torch.float32, attn_implementation=attention
    )
    # Loading makes all parameters trainable, sinusoids of positions too, which a new model leaves alone.
    fixed = {name for name, each in type(model)(model.config).named_parameters() if not each.requires_grad}
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name not in fixed)
    return model.train()


def parameters_of(folder, model):
    """By their names in files, which are not always those in the model; tied ones appear once, buffers do not. Where files have
    several tensors in the place of one parameter, such as single experts, each is the part of it that it is."""
    other = model_of(folder)
    numbered, first = [], 0
    with torch.no_grad():
        for parameter, target in zip(other.parameters(), model.parameters()):
            parameter.copy_(torch.arange(first, first + parameter.numel()).view(parameter.shape))
            numbered.append((first, target))
            first += parameter.numel()
    assert first < 2**24
    buffers = {name for name, _ in other.named_buffers()}
    with tempfile.TemporaryDirectory() as saved:
        other.save_pretrained(saved)
        file = load_file(f"{saved}/model.safetensors")
    assert file.keys() == load_file(folder / "model.safetensors").keys()
    found = {}
    for name, each in file.items():
        if name in buffers:
            continue
        number = int(each.flatten()[0])
        begin, parameter = next(pair for pair in reversed(numbered) if pair[0] <= number)
        found[name] = Part(parameter, number - begin, each.shape)
    return found


class Part:
    """Elements of a parameter that are a tensor in files."""

    def __init__(self, parameter, begin, shape):
        self.parameter, self.begin, self.shape = parameter, begin, shape

    def of(self, values):
        return values.detach().flatten()[self.begin :][: self.shape.numel()].view(self.shape)


def results_of(folder, model, inputs, clears_noise=False):
    """Logits, loss, gradients, and the losses and weights of the trainings."""
    everything = parameters_of(folder, model)
    parts = {name: each for name, each in everything.items() if each.parameter.requires_grad}
    parameters = list({id(each.parameter): each.parameter for each in parts.values()}.values())
    start = [each.detach().clone() for each in parameters]
    results = outputs_of(model, inputs)
    results["loss"].backward()
    # A parameter without gradient stays as it is.
    parts = {name: part for name, part in parts.items() if part.parameter.grad is not None}
    for name, part in parts.items():
        results[f"grad.{name}"] = part.of(part.parameter.grad)
    results = {name: each.detach().clone() for name, each in results.items()}
    has_stacks = len({id(part.parameter) for part in parts.values()}) < len(parts)
    for setting in [*SETTINGS, *(f"{each}_split" for each in SETTINGS if has_stacks)]:
        with torch.no_grad():
            for parameter, values in zip(parameters, start):
                parameter.copy_(values)
        is_split = setting.endswith("_split")
        singles = {name: torch.nn.Parameter(part.of(part.parameter).clone()) for name, part in parts.items()}
        optimizer = Adafactor(
            singles.values() if is_split else parameters, **SETTINGS[setting.removesuffix("_split")]
        )
        losses = []
        for _ in range(STEPS):
            for parameter in parameters:
                parameter.grad = None
            loss = outputs_of(model, inputs)["loss"]
            losses.append(loss.item())
            loss.backward()
            if clears_noise:
                clear_noise(parameters)
            if is_split:
                for name, part in parts.items():
                    singles[name].grad = part.of(part.parameter.grad).clone()
            optimizer.step()
            if is_split:
                with torch.no_grad():
                    for name, part in parts.items():
                        part.of(part.parameter).copy_(singles[name])
        losses.append(outputs_of(model, inputs)["loss"].item())
        results[f"losses_{setting}"] = torch.tensor(losses, dtype=torch.float32)
        for name, part in parts.items():
            results[f"adafactor_{setting}.{name}"] = part.of(part.parameter).clone()
    return {name: each.contiguous() for name, each in results.items()}


def outputs_of(model, inputs):
    """Logits, loss and other results; SAM has no loss of its own."""
    if model.config.model_type == "sam":
        targets = {name: each for name, each in inputs.items() if name.startswith("target_")}
        output = model(**{name: each for name, each in inputs.items() if name not in targets})
        masks, scores = output.pred_masks, output.iou_scores
        loss = binary_cross_entropy_with_logits(masks, targets["target_masks"])
        loss = loss + mse_loss(scores, targets["target_iou"])
        return {"logits": masks, "iou_scores": scores, "loss": loss}
    output = model(**inputs)
    results = {"logits": output.logits, "loss": output.loss}
    if "encoder_last_hidden_state" in output:
        results["encoder_last_hidden_state"] = output.encoder_last_hidden_state
    return results


def clear_noise(parameters):
    for parameter in parameters:
        if parameter.dim() == 1 and parameter.grad is not None:
            gradient = parameter.grad
            gradient[gradient.abs() < NOISE * gradient.abs().max()] = 0


def sensitivity_of(folder, inputs, expected):
    """How far each result moves when the weights move by a rounding error, and without noise in vectors' gradients."""
    moved = {name: torch.zeros_like(each) for name, each in expected.items()}
    for attempt in range(TRIES + 1):
        model = model_of(folder)
        generator = torch.Generator().manual_seed(attempt)
        if attempt < TRIES:
            with torch.no_grad():
                for parameter in model.parameters():
                    n = torch.randn(parameter.shape, generator=generator)
                    parameter.mul_(1 + 2.0**-23 * n)
        results = results_of(folder, model, inputs, clears_noise=attempt == TRIES)
        for name, each in results.items():
            moved[name] = torch.maximum(moved[name], (each - expected[name]).abs())
    return {name: entry_of(name, each.flatten()) for name, each in moved.items()}


def entry_of(name, moved):
    unstable = moved > UNSTABLE if name.startswith("adafactor_") else torch.zeros_like(moved) > 0
    stable = moved[~unstable]
    entry = {"max": float(f"{stable.max().item():.2e}") if stable.numel() else 0.0}
    if unstable.any():
        entry["unstable"] = ranges_of(unstable.tolist())
    return entry


def ranges_of(flags):
    edges = [i for i in range(len(flags) + 1) if (flags + [False])[i] != ([False] + flags)[i]]
    return [list(pair) for pair in zip(edges[::2], edges[1::2])]


def draw_weights(folder):
    """Random ones: norm scales 1 + 0.1 n, other vectors 0.05 n, all else 0.15 n, with n a standard normal."""
    config = transformers.AutoConfig.from_pretrained(folder)
    model = getattr(transformers, config.architectures[0])(config)
    generator = torch.Generator().manual_seed(1234)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            n = torch.randn(parameter.shape, generator=generator)
            is_scale = parameter.dim() == 1 and name.endswith("weight")
            parameter.copy_(1 + 0.1 * n if is_scale else (0.05 if parameter.dim() == 1 else 0.15) * n)
    model.save_pretrained(folder)


def draw_inputs(folder):
    """Two rows, the second padded on the right, or two images; -100 is no label."""
    config = transformers.AutoConfig.from_pretrained(folder)
    architecture = config.architectures[0]
    generator = torch.Generator().manual_seed(1234)
    if hasattr(config, "image_token_id"):
        return draw_image_and_text(config, generator)
    if config.model_type == "sam":
        return draw_sam_inputs(config, generator)
    vision = getattr(config, "vision_config", config)
    if hasattr(vision, "image_size"):
        size = (2, vision.num_channels, vision.image_size, vision.image_size)
        return {
            "pixel_values": torch.randn(size, generator=generator),
            "labels": torch.randint(config.num_labels, (2,), generator=generator),
        }
    tokens = torch.randint(3, config.vocab_size, (2, 12), generator=generator)
    mask = torch.ones_like(tokens)
    mask[1, 9:] = 0
    inputs = {"input_ids": tokens, "attention_mask": mask}
    if hasattr(config, "type_vocab_size"):
        inputs["token_type_ids"] = torch.randint(config.type_vocab_size, (2, 12), generator=generator)
    if "SequenceClassification" in architecture:
        inputs["labels"] = torch.randint(config.num_labels, (2,), generator=generator)
    elif "TokenClassification" in architecture:
        inputs["labels"] = torch.randint(config.num_labels, (2, 12), generator=generator)
        inputs["labels"][:, 0] = -100
        inputs["labels"][mask == 0] = -100
    elif config.is_encoder_decoder:
        inputs["labels"] = torch.randint(3, config.vocab_size, (2, 10), generator=generator)
        inputs["labels"][1, 7:] = -100
    elif "MaskedLM" in architecture:
        inputs["labels"] = torch.randint(3, config.vocab_size, (2, 12), generator=generator)
        inputs["labels"][mask == 0] = -100
    else:
        inputs["labels"] = torch.where(mask == 1, tokens, -100)
    return inputs


def draw_sam_inputs(config, generator):
    """Two images with two objects each, of three points with all labels, a box, and a mask of the image; one mask is wanted."""
    vision = config.vision_config
    size, side = vision.image_size, 4 * (vision.image_size // vision.patch_size)
    corners = torch.rand((2, 2, 2, 2), generator=generator).sort(dim=2).values * size
    return {
        "pixel_values": torch.randn((2, vision.num_channels, size, size), generator=generator),
        "input_points": torch.rand((2, 2, 3, 2), generator=generator) * size,
        "input_labels": torch.tensor([[[1, 0, -1], [1, 1, -10]], [[0, -10, -10], [1, 0, 0]]]),
        "input_boxes": corners.reshape(2, 2, 4),
        "input_masks": torch.randn((2, 1, side, side), generator=generator),
        "multimask_output": torch.tensor(0),
        "target_masks": (torch.rand((2, 2, 1, side, side), generator=generator) > 0.5).float(),
        "target_iou": torch.rand((2, 2, 1), generator=generator),
    }


def draw_image_and_text(config, generator):
    """Image tokens before the text, which have no labels."""
    text, side, image = config.text_config, config.vision_config.image_size, config.image_token_id
    others = torch.tensor([token for token in range(3, text.vocab_size) if token != image])
    draw = lambda length: others[torch.randint(len(others), (2, length), generator=generator)]
    tokens = torch.cat([torch.full((2, config.num_query_tokens), image), draw(8)], dim=1)
    mask = torch.ones_like(tokens)
    mask[1, -3:] = 0
    inputs = {
        "pixel_values": torch.randn((2, 3, side, side), generator=generator),
        "input_ids": tokens,
        "attention_mask": mask,
        "labels": torch.where((mask == 1) & (tokens != image), tokens, -100),
    }
    if config.is_encoder_decoder:
        inputs["labels"] = draw(10)
        inputs["labels"][1, 7:] = -100
    return inputs


def write_greedy(folder, inputs):
    """The most likely tokens after the inputs, as model.generate() of transformers finds them."""
    model = model_of(folder).eval()
    read = ("input_ids", "attention_mask", "pixel_values")
    texts = {name: inputs[name] for name in read if name in inputs}
    options = {"max_new_tokens": 12, "do_sample": False, "num_beams": 1}
    if "pixel_values" in texts or not model.config.is_encoder_decoder:
        # Row by row, without padding, which is on the wrong side for a decoder.
        rows = [{name: each[k : k + 1] for name, each in texts.items()} for k in range(2)]
        for row in rows:
            row["input_ids"] = row["input_ids"][row.pop("attention_mask") == 1][None]
        tokens = [model.generate(**row, **options)[0].tolist() for row in rows]
    else:
        tokens = model.generate(**texts, **options).tolist()
    (folder / "greedy.json").write_text(json.dumps(tokens) + "\n")


def write_transcriptions(folder, inputs):
    """The most likely tokens for the inputs, with settings of generation_config.json, a language and a task."""
    many = {
        "lang_to_id": {"<|en|>": 50, "<|de|>": 51},
        "task_to_id": {"transcribe": 60, "translate": 61},
        "no_timestamps_token_id": 63,
        "is_multilingual": True,
    }
    cases = [
        {"generation": {}, "asked": {}},
        {"generation": {"suppress_tokens": [59, 78], "begin_suppress_tokens": [44, 2]}, "asked": {}},
        {"generation": {"suppress_tokens": [44, 59, 78, 90], "no_timestamps_token_id": 63}, "asked": {}},
        {"generation": many, "asked": {"language": "de", "task": "translate"}},
        {"generation": {**many, "begin_suppress_tokens": [59]}, "asked": {"language": "en"}},
    ]
    for case in cases:
        model = model_of(folder).eval()
        for name, value in case["generation"].items():
            setattr(model.generation_config, name, value)
        case["tokens"] = model.generate(
            inputs["input_features"],
            max_new_tokens=11,
            do_sample=False,
            num_beams=1,
            force_unique_generate_call=True,
            **case["asked"],
        ).tolist()
    lines = ",\n".join(json.dumps(case) for case in cases)
    (folder / "greedy.json").write_text(f"[\n{lines}\n]\n")


def compare(results, stored, sensitivity):
    """The largest difference, and the largest as a part of what tests allow; fails if there are other results."""
    wanted = {name: each for name, each in stored.items() if not name.startswith("input.")}
    assert results.keys() == wanted.keys(), results.keys() ^ wanted.keys()
    largest = share = 0.0
    for name, each in results.items():
        difference = (each - wanted[name]).abs().flatten()
        for begin, end in sensitivity[name].get("unstable", []):
            difference[begin:end] = 0
        by = difference.max().item() if difference.numel() else 0.0
        largest = max(largest, by)
        share = max(share, by / (5 * (sensitivity[name]["max"] + 1e-6)))
    return largest, share


def main():
    flags = {each for each in sys.argv[1:] if each.startswith("--")}
    families = [each for each in sys.argv[1:] if not each.startswith("--")] or sorted(
        path.parent.name for path in FOLDER.glob("*/model.safetensors")
    )
    for family in families:
        folder = FOLDER / family
        path = folder / "expected.safetensors"
        if "--draw" in flags:
            draw_weights(folder)
            inputs = draw_inputs(folder)
        else:
            stored = load_file(path)
            prefix = "input."
            inputs = {k.removeprefix(prefix): v for k, v in stored.items() if k.startswith(prefix)}
        if "--greedy" in flags:
            write = write_transcriptions if "input_features" in inputs else write_greedy
            write(folder, inputs)
            continue
        results = results_of(folder, model_of(folder), inputs)
        if "--check" in flags:
            sensitivity = json.loads((folder / "sensitivity.json").read_text())
            largest, share = compare(results, stored, sensitivity)
            print(f"{family}: off by {largest:.2e}, {share:.3f} of what tests allow")
            continue
        save_file({**{f"input.{k}": v for k, v in inputs.items()}, **results}, path)
        if "--draw" in flags:
            entries = sensitivity_of(folder, inputs, results)
            lines = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in entries.items())
            (folder / "sensitivity.json").write_text("{\n" + lines + "\n}\n")
        print(f"{family}: written")


main()
