"""The ranks of the benchmark of collectives in PyTorch's gloo: the same calls and timing as bench/collectives/rank.ts.

    gloo.py <host of the benchmark> <port> <token>      with RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT set

Speaks the lines of bench/collectives/protocol.ts. gloo gathers and scatters equal shares only, and PyTorch has no
reduce_scatter for gloo in every version: what it cannot do is answered with an error.
"""

import resource
import socket
import sys
import time

import torch
import torch.distributed as dist


def main():
    host, port, token = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    with socket.create_connection((host, port)) as connection:
        lines = connection.makefile("rw")
        say(lines, f"rank {dist.get_rank()} {token}")
        for line in lines:
            word, op, count, warmup, iterations, check = line.split()
            assert word == "run", line
            say(lines, answer(Call(op, int(count)), int(warmup), int(iterations), check == "on"))
    dist.destroy_process_group()


def say(lines, text):
    lines.write(text + "\n")
    lines.flush()


def answer(call, warmup, iterations, check):
    try:
        mistake = verify(call) if check else None
        times = measure(call, warmup, iterations)
        mistake = mistake or (verify(call) if check else None)
        return f"error {mistake}" if mistake else times
    except (RuntimeError, ValueError, NotImplementedError) as error:
        return f"error {' '.join(str(error).split())}"


class Call:
    """One collective on `count` elements: the place of its inputs and results, and the elements of the whole that they are."""

    def __init__(self, op, count):
        rank, ranks = dist.get_rank(), dist.get_world_size()
        if op in ("reduceScatter", "allGather") and count % ranks != 0:
            raise ValueError(f"gloo splits {count} elements over {ranks} ranks in equal shares only")
        share = count // ranks
        mine, whole = (rank * share, share), (0, count)
        self.op = op
        self.taken, self.given = {
            "allReduce": (whole, whole),
            "broadcast": (whole, whole),
            "reduceScatter": (whole, mine),
            "allGather": (mine, whole),
        }[op]
        self.share = share
        self.input = torch.zeros(self.taken[1])
        in_place = op in ("allReduce", "broadcast")
        self.output = self.input if in_place else torch.zeros(self.given[1])

    def run(self):
        if self.op == "allReduce":
            dist.all_reduce(self.input)
        elif self.op == "broadcast":
            dist.broadcast(self.input, 0)
        elif self.op == "reduceScatter":
            dist.reduce_scatter_tensor(self.output, self.input)
        else:
            dist.all_gather_into_tensor(self.output, self.input)


def measure(call, warmup, iterations):
    call.input.zero_()
    for _ in range(warmup):
        call.run()
    dist.barrier()
    microseconds = []
    cpu_before = cpu_seconds()
    for _ in range(iterations):
        start = time.perf_counter()
        call.run()
        microseconds.append((time.perf_counter() - start) * 1e6)
    cpu = cpu_seconds() - cpu_before
    return f"times - {cpu:.6f} " + " ".join(f"{each:.3f}" for each in microseconds)


def verify(call):
    """Makes one call on the inputs of bench/collectives/verifiable.ts, whose sums are exact."""
    ranks = dist.get_world_size()
    call.input.copy_(input_of(dist.get_rank(), call.taken))
    call.run()
    if call.op == "broadcast":
        wanted = input_of(0, call.given)
    elif call.op == "allGather":
        wanted = torch.cat([input_of(rank, (rank * call.share, call.share)) for rank in range(ranks)])
    else:
        wanted = sum(input_of(rank, call.given) for rank in range(ranks))
    wrong = (call.output != wanted).nonzero()
    if len(wrong) == 0:
        return None
    i = int(wrong[0])
    return f"rank {dist.get_rank()}'s result of {call.op} is wrong: element {i} is {call.output[i]} instead of {wanted[i]}"


def input_of(rank, elements):
    begin, length = elements
    m = largest_prime(256 // dist.get_world_size())
    i = torch.arange(begin, begin + length)
    return ((7 * (i % m) + 5 * rank) % m).float()


def largest_prime(most):
    return next(n for n in range(most, 1, -1) if all(n % d for d in range(2, int(n**0.5) + 1)))


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
